# What this folder ships.
dist_doc_DATA += doc/dns.md
