"""Who calls, and which images the caller may announce: claims, identity, policy.

Responsible for the meaning of verified claims and for the rules of a policy. Signatures and keys belong to `krt.oidc`.
Files, HTTP and the clock do not belong here: the functions are given bytes and times. Start with `policy.py` (the
decision), then `identity.py` (the caller); `policy_file.py` and `patterns.py` read a policy as people write it.
"""
