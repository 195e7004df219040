"""The part that the chart uses of custom resources, as JSON schemas: kubernetes-validate knows built-in kinds only.

Written after the published definitions of the Prometheus operator (monitoring.coreos.com/v1), KEDA (keda.sh/v1alpha1)
and the Gateway API (gateway.networking.k8s.io/v1). A field that is not listed here is refused.
"""

TEXT = {"type": "string", "minLength": 1}
DURATION = {"type": "string", "pattern": "^([0-9]+(ms|[smhdwy]))+$"}
LABELS = {"type": "object", "additionalProperties": {"type": "string"}}
COUNT = {"type": "integer", "minimum": 0}


def strict(properties, *required):
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


def many(items):
    return {"type": "array", "minItems": 1, "items": items}


def resource(spec):
    metadata = strict(
        {"name": TEXT, "namespace": TEXT, "labels": LABELS, "annotations": LABELS}, "name", "namespace"
    )
    return strict({"apiVersion": TEXT, "kind": TEXT, "metadata": metadata, "spec": spec}, "metadata", "spec")


RECORDING = strict({"record": TEXT, "expr": TEXT, "labels": LABELS}, "record", "expr")
ALERT = strict(
    {"alert": TEXT, "expr": TEXT, "for": DURATION, "labels": LABELS, "annotations": LABELS}, "alert", "expr"
)

SCHEMAS = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): resource(
        strict(
            {
                "selector": strict({"matchLabels": LABELS}, "matchLabels"),
                "endpoints": many(strict({"port": TEXT, "interval": DURATION}, "port")),
            },
            "selector",
            "endpoints",
        )
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): resource(
        strict(
            {
                "groups": many(
                    strict(
                        {"name": TEXT, "interval": DURATION, "rules": many({"anyOf": [RECORDING, ALERT]})},
                        "name",
                        "rules",
                    )
                )
            },
            "groups",
        )
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): resource(
        strict(
            {
                "scaleTargetRef": strict({"name": TEXT}, "name"),
                "minReplicaCount": COUNT,
                "maxReplicaCount": COUNT,
                "pollingInterval": COUNT,
                "advanced": strict(
                    {
                        "horizontalPodAutoscalerConfig": strict(
                            {"behavior": strict({"scaleDown": strict({"stabilizationWindowSeconds": COUNT})})}
                        )
                    }
                ),
                "triggers": many(
                    strict(
                        {
                            "type": {"const": "prometheus"},
                            "metricType": {"enum": ["AverageValue", "Value"]},
                            "metadata": strict(
                                {"serverAddress": TEXT, "query": TEXT, "threshold": TEXT},
                                "serverAddress",
                                "query",
                                "threshold",
                            ),
                        },
                        "type",
                        "metadata",
                    )
                ),
            },
            "scaleTargetRef",
            "triggers",
        )
    ),
    ("gateway.networking.k8s.io/v1", "GRPCRoute"): resource(
        strict(
            {
                "parentRefs": many(strict({"name": TEXT, "namespace": TEXT, "sectionName": TEXT}, "name")),
                "hostnames": many(TEXT),
                "rules": many(
                    strict(
                        {
                            "matches": many(
                                strict({"method": strict({"service": TEXT}, "service")}, "method")
                            ),
                            "backendRefs": many(strict({"name": TEXT, "port": COUNT}, "name", "port")),
                        },
                        "backendRefs",
                    )
                ),
            },
            "parentRefs",
            "rules",
        )
    ),
}
