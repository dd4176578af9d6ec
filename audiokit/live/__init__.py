"""Audio as it happens: sources, the wire protocol, the spool, and both ends of a connection.

What a message means and what state follows is decided in machines that read no clock and do no
I/O (`packets`, `messages`, `session`, `sender`, `receiver`); thin asyncio shells (`uplink`,
`client`, `listener`) give them bytes and the time. NumPy is loaded by a recipe's stages, not by
what is here.
"""
