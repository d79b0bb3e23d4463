"""Reports: what is known of a month, or of all, as one HTML file to send to somebody.

``archive`` gathers the ``evidence``, ``judgement`` judges it, ``monthly`` and ``overview`` put it into words,
and ``page`` writes it. Only ``archive`` asks anybody, and only the templates know how a page looks.
"""
