"""`invoke report`: one HTML file that tells how each database stands and lists every drill as evidence.

`facts` reads the store, `evidence` and `model` are values, `charts` and `render` make the page of them, `page_file`
puts it in place. Whatever comes from a store is untrusted: the template escapes it, and `render` bounds its length.
"""
