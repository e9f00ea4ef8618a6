"""`invoke report`: one HTML file that tells how each database stands and lists every drill as evidence.

`reading` makes `facts` of a store; `evidence` and `model` are values made of those, `charts` and `render` the page, and
`page_file` puts it in place. Whatever comes from a store is untrusted: the template escapes it, `render` bounds its
length.
"""
