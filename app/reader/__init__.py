"""Reads one uploaded document in a process of its own, which is held to limits and ended when it goes beyond them.

`process.py` is the server's side; `__main__.py` is the process, which imports no other part of the product.
"""
