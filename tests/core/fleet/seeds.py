"""The documents of the document that asks for runtimes, as they stand there."""

from pathlib import Path

from tests.cuelang.corpus import sections

BLOCKS = sections(Path(__file__).parent / "seed.txt")

BUNDLE = """
bundle: {
    _id:   string @timoni(runtime:string:ACCOUNT_ID)
    _reg:  string @timoni(runtime:string:REGION)
    _pass: string @timoni(runtime:string:REDIS_PASS)

    apiVersion: "v1alpha1"
    name:       "podinfo"
    instances: {
        podinfo: {
            module: url: "oci://\\(_id).dkr.ecr.\\(_reg).amazonaws.com/modules/podinfo"
            namespace: "podinfo"
            values: caching: {
                enabled:  true
                redisURL: "tcp://:\\(_pass)@redis.infra:6379"
            }
        }
    }
}
"""
FLEET_BUNDLE = """
bundle: {
    _cluster: string @timoni(runtime:string:TIMONI_CLUSTER_NAME)
    _env:     string @timoni(runtime:string:TIMONI_CLUSTER_GROUP)

    apiVersion: "v1alpha1"
    name:       "apps"
    instances: {
        app: {
            module: url: "oci://ghcr.io/stefanprodan/modules/podinfo"
            namespace: "apps"
            values: {
                ui: message: "Hosted by \\(_cluster)"
                if _env == "staging" {
                    replicas: 1
                }
                if _env == "production" {
                    replicas: 2
                }
            }
        }
    }
}
"""
