{{/* Balances calls, not connections. A draining or lost replica leaves by its readiness; a call that it refuses before
     its first answer goes to another. Running streams are left alone. */}}
{{- define "pass-server.envoyConfig" -}}
static_resources:
  listeners:
    - name: grpc
      address:
        socket_address: {address: 0.0.0.0, port_value: {{ .Values.envoy.port }}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: grpc
                codec_type: HTTP2
                # A stream ends with its deadline or its client, not because it pauses.
                stream_idle_timeout: 0s
                common_http_protocol_options:
                  idle_timeout: 900s
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config:
                      "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router
                route_config:
                  virtual_hosts:
                    - name: pass_server
                      domains: ["*"]
                      routes:
                        - match: {prefix: /}
                          route:
                            cluster: pass_server
                            timeout: 0s
                            retry_policy:
                              retry_on: unavailable,connect-failure,refused-stream,reset-before-request
                              num_retries: 3
                              retry_host_predicate:
                                - name: envoy.retry_host_predicates.previous_hosts
                                  typed_config:
                                    "@type": type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate
                              # Another choice costs nothing, and a replica that drains is the least busy one.
                              host_selection_retry_max_attempts: 100
  clusters:
    - name: pass_server
      type: STRICT_DNS
      dns_refresh_rate: 5s
      respect_dns_ttl: true
      connect_timeout: 2s
      # Streams last differently long: the replica with fewer of them is the better one.
      lb_policy: LEAST_REQUEST
      # The server's own queue limits what runs.
      circuit_breakers:
        thresholds:
          - {max_connections: 100000, max_pending_requests: 100000, max_requests: 100000, max_retries: 100}
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config:
            http2_protocol_options: {}
      health_checks:
        - timeout: 2s
          interval: 2s
          no_traffic_interval: 2s
          unhealthy_threshold: 1
          healthy_threshold: 1
          grpc_health_check: {service_name: pass_server.v1.PassService}
      load_assignment:
        cluster_name: pass_server
        endpoints:
          - lb_endpoints:
              - endpoint:
                  address:
                    socket_address: {address: {{ include "pass-server.fullname" . }}-headless.{{ .Release.Namespace }}, port_value: {{ .Values.service.port }}}
{{- end -}}
