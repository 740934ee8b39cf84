"""The bytes of a ClientHello, field by field.

This one is what the offer `any` sends to `www.example`. Almost all of it is the key share of the post-quantum group.
"""

import toolkit
from toolkit.reference import offers
from toolkit.wire import Handshake

hello = Handshake(offers()["any"], server_name="www.example").start()
ax = toolkit.chart.plot_bytes(toolkit.dissect(hello))
