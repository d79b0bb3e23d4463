"""Reports: what is known of a month, or of all, as one HTML file to send to somebody.

``evidence`` gathers what is shown, ``judgement`` judges it, ``monthly`` and ``overview`` put it into words,
and ``page`` writes it. Only ``evidence`` asks anybody, and only the templates know how a page looks.
"""
