"""Verifies the OIDC tokens of GitHub Actions jobs: headers in, a verified `Identity` out.

It decides who is calling, not what the caller may do (krt.core.caller.policy). Tokens end here: nothing that this
package returns holds one. No request waits for the network; one task fetches the issuer's keys.
Start reading in `caller.py`; `token.py` is pure and has every check, `keys.py` the task that renews the keys.
PyJWT verifies, and krt adds strict checks around it. krt does not use its PyJWKClient, which blocks, and fetches while
a request waits.
"""
