"""Who calls, and what that caller may announce: claims, identity, rules of the policy."""
