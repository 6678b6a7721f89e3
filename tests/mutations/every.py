"""All mutations, from all data modules."""

from collections.abc import Sequence

from tests.mutations import (
    cluster,
    collected,
    decisions,
    delivery,
    explained,
    following,
    full_valkey,
    images,
    leaving,
    objects,
    odd_keys,
    old_news,
    outside,
    pure_rules,
    reports,
    rules_consuming,
    rules_foreign,
    rules_index,
    rules_journal,
    rules_restart,
    served,
    together,
)
from tests.mutations.mutation import Mutation

EVERY: Sequence[Mutation] = (
    *cluster.MUTATIONS,
    *collected.MUTATIONS,
    *decisions.MUTATIONS,
    *delivery.MUTATIONS,
    *explained.MUTATIONS,
    *following.MUTATIONS,
    *full_valkey.MUTATIONS,
    *images.MUTATIONS,
    *leaving.MUTATIONS,
    *objects.MUTATIONS,
    *odd_keys.MUTATIONS,
    *old_news.MUTATIONS,
    *outside.MUTATIONS,
    *pure_rules.MUTATIONS,
    *reports.MUTATIONS,
    *rules_consuming.MUTATIONS,
    *rules_foreign.MUTATIONS,
    *rules_index.MUTATIONS,
    *rules_journal.MUTATIONS,
    *rules_restart.MUTATIONS,
    *served.MUTATIONS,
    *together.MUTATIONS,
)
