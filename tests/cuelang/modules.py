"""CUE modules of the tests' own, in the layout of Timoni's modules, and images of them as Timoni pushes them."""

from collections.abc import Mapping

from krt.core.bundle.pack import PackedImage, digest_of
from tests.sources.images import CONFIG, gzipped, manifest_of, tar_of

_CONFIG_TYPE = "application/vnd.timoni.config.v1+json"

MODULE = {
    "cue.mod/module.cue": 'module: "modules.example/web"\nlanguage: version: "v0.9.0"\n',
    "cue.mod/pkg/krt.example/meta/labels.cue": 'package meta\n\n#Labels: {"app.kubernetes.io/name": string}\n',
    "cue.mod/gen/k8s.io/api/core/v1/types.cue": 'package v1\n\n#ConfigMap: {apiVersion: "v1", kind: string, ...}\n',
    "timoni.cue": """
package main

import "modules.example/web/templates"

values: templates.#Config
timoni: {
    apiVersion: "v1alpha1"
    instance: templates.#Instance & {
        config: values
        config: {
            metadata: {
                name:      string @tag(name)
                namespace: string @tag(namespace)
            }
            moduleVersion: string @tag(mv, var=moduleVersion)
            kubeVersion:   string @tag(kv, var=kubeVersion)
        }
    }
    apply: {
        config: [instance.objects.settings]
        app: [instance.objects.service, instance.objects.deployment]
    }
}
""",
    "values.cue": '@if(!debug)\n\npackage main\n\nvalues: {ui: {message: "hello", color: "blue"}, hosts: ["a", "b"]}\n',
    "debug_values.cue": '@if(debug)\n\npackage main\n\nvalues: ui: message: "debugging"\n',
    "templates/config.cue": """
package templates

import (
    core "k8s.io/api/core/v1"
    "krt.example/meta"
    "strings"
)

#Config: {
    metadata: {name!: string, namespace!: string}
    moduleVersion!: string
    kubeVersion!:   string
    ui: {message: *"none" | string, color: *"red" | "blue" | "green"}
    hosts: [...string]
    replicas: *1 | int & >0
    token:    *"" | string
}

#Instance: {
    config: #Config
    _labels: meta.#Labels & {"app.kubernetes.io/name": config.metadata.name}
    objects: {
        settings: core.#ConfigMap & {
            kind: "ConfigMap"
            metadata: {name: config.metadata.name, labels: _labels}
            data: {
                message: config.ui.message
                color:   config.ui.color
                hosts:   strings.Join(config.hosts, ",")
                module:  config.moduleVersion
                kube:    config.kubeVersion
                token:   config.token
            }
        }
        service: {
            apiVersion: "v1"
            kind:       "Service"
            metadata: config.metadata
            spec: {selector: _labels, ports: [{port: 80}]}
        }
        deployment: {
            apiVersion: "apps/v1"
            kind:       "Deployment"
            metadata: config.metadata
            spec: {
                replicas: config.replicas
                selector: matchLabels: _labels
                template: {
                    metadata: labels: _labels
                    spec: containers: [{name: "web", image: "registry.example/web:\\(config.moduleVersion)"}]
                }
            }
        }
    }
}
""",
}

SHOP = {
    "cue.mod/module.cue": 'module: "acme.example/shop"\nlanguage: version: "v0.9.0"\n',
    "values.cue": "package main\n\nvalues: {caching: enabled: false, replicas: 1}\n",
    "timoni.cue": """
package main

#Config: {
    caching: {
        enabled:   *false | bool
        cacheURL?: string
    }
    replicas: *1 | int & >0
}

values: #Config
_metadata: {
    name:      string @tag(name)
    namespace: string @tag(namespace)
}
_labels: "app.kubernetes.io/name": _metadata.name

timoni: {
    apiVersion: "v1alpha1"
    apply: app: [
        {apiVersion: "v1", kind: "ServiceAccount", metadata: _metadata},
        {apiVersion: "v1", kind: "Service", metadata: _metadata, spec: {selector: _labels, ports: [{port: 9898}]}},
        {
            apiVersion: "apps/v1"
            kind:       "Deployment"
            metadata:   _metadata
            spec: {
                replicas: values.replicas
                selector: matchLabels: _labels
                template: {
                    metadata: labels: _labels
                    spec: {
                        serviceAccountName: _metadata.name
                        containers: [{
                            name:  "shop"
                            image: "registry.example/shop:1"
                            if values.caching.enabled {
                                args: ["--cache-server=\\(values.caching.cacheURL)"]
                            }
                        }]
                    }
                }
            }
        },
    ]
}
""",
}

TWO_STEPS = {
    "cue.mod/module.cue": 'module: "modules.example/two-steps"\nlanguage: version: "v0.9.0"\n',
    "timoni.cue": """
package main

values: seconds: *600 | int
_labels: app: "web"
_metadata: {
    name:      string @tag(name)
    namespace: string @tag(namespace)
}
timoni: {
    apiVersion: "v1alpha1"
    apply: {
        zero: [{
            apiVersion: "apps/v1"
            kind:       "Deployment"
            metadata:   _metadata
            spec: {
                progressDeadlineSeconds: values.seconds
                selector: matchLabels: _labels
                template: {
                    metadata: labels: _labels
                    spec: containers: [{name: "main", image: "registry.example/web"}]
                }
            }
        }]
        after: [{apiVersion: "v1", kind: "ConfigMap", metadata: _metadata}]
    }
}
""",
}


def files_of(module: Mapping[str, str]) -> dict[str, bytes]:
    return {path: text.replace("    ", "\t").encode() for path, text in module.items()}


def image_of(module: Mapping[str, str], version: str) -> PackedImage:
    """Three layers: the module, and what `cue.mod` has in pkg and in gen."""
    rest = files_of(module)
    folders = ("cue.mod/pkg/", "cue.mod/gen/")
    vendored = [{path: rest.pop(path) for path in list(rest) if path.startswith(folder)} for folder in folders]
    layers = [gzipped(tar_of(*each.items())) for each in (rest, *vendored)]
    annotations = {"org.opencontainers.image.version": version}
    manifest = manifest_of(layers, config_type=_CONFIG_TYPE, annotations=annotations)
    return PackedImage(manifest, {digest_of(blob): blob for blob in (*layers, CONFIG)})
