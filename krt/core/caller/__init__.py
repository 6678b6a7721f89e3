"""Who calls, and what that caller may announce: claims, identity, policy.

Responsible for the meaning of verified claims and for the rules of a policy. Signatures and keys belong to `krt.oidc`;
files, HTTP and the clock do not belong here: callers hand in bytes and times. Start with `policy.py` (the decision),
then `identity.py` (whom it is about); `policy_file.py` and `patterns.py` read what people write.
"""
