"""Whether the code server answers: what ``dagster api grpc-health-check`` asks, at a tenth of its cost.

A container is asked every few seconds for as long as it lives, and importing Dagster takes a second of a core
each time; this takes 0.1 s.
"""

import sys


def answers(port: int, within: float = 10) -> bool:
    """Whether a gRPC server on this machine says that Dagster's API is served."""
    import grpc
    from grpc_health.v1 import health_pb2, health_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        try:
            answer = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(service="DagsterApi"), timeout=within
            )
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(0 if answers(int(sys.argv[1])) else 1)
