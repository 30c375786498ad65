{{/*
The pod of both Deployments. It is called with a dict: root, the context of the chart; component, web or worker; roles, what BERTH_ROLES
says; resources.
*/}}

{{- define "berth.pod" -}}
{{- $isShared := eq .root.Values.store "shared" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (ne .root.Values.tls.existingSecret "") -}}
{{- with .root -}}
metadata:
  annotations:
    # A change of the settings is a new pod.
    checksum/settings: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
    {{- if not .Values.secrets.existingSecret }}
    checksum/secrets: {{ include (print .Template.BasePath "/secret.yaml") . | sha256sum }}
    {{- end }}
    {{- with .Values.podAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  labels:
    {{- with .Values.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    {{- include "berth.labels" . | nindent 4 }}
    app.kubernetes.io/component: {{ $.component }}
spec:
  serviceAccountName: {{ include "berth.serviceAccount" . }}
  automountServiceAccountToken: false
  enableServiceLinks: false
  # The wait for the proxies, the drain, and a rest.
  terminationGracePeriodSeconds: {{ add .Values.preStopSeconds 25 10 }}
  {{- with .Values.image.pullSecrets }}
  imagePullSecrets:
    {{- range . }}
    - name: {{ . }}
    {{- end }}
  {{- end }}
  {{- with .Values.priorityClassName }}
  priorityClassName: {{ . }}
  {{- end }}
  securityContext:
    runAsNonRoot: true
    runAsUser: 10001
    runAsGroup: 10001
    fsGroup: 10001
    # Berth's own files are closed to the group, and stay so.
    fsGroupChangePolicy: OnRootMismatch
    seccompProfile:
      type: RuntimeDefault
  containers:
    - name: berth
      image: {{ include "berth.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [serve]
      envFrom:
        - configMapRef:
            name: {{ include "berth.fullname" . }}
      env:
        - name: BERTH_ROLES
          value: {{ $.roles | quote }}
        {{- if $isShared }}
        - name: BERTH_DATABASE_URL
          valueFrom:
            secretKeyRef:
              name: {{ include "berth.secret" . }}
              key: database-url
        {{- end }}
        {{- include "berth.optionalSecrets" (dict "root" . "isShared" $isShared) | trim | nindent 8 }}
        {{- with .Values.extraEnv }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      ports:
        - name: http
          containerPort: 5000
        {{- if .Values.metrics.enabled }}
        - name: metrics
          containerPort: 9100
        {{- end }}
      startupProbe:
        httpGet:
          path: /healthz
          port: http
          scheme: {{ $scheme }}
        periodSeconds: 2
        timeoutSeconds: 5
        failureThreshold: {{ max 1 (div .Values.startupSeconds 2) }}
      livenessProbe:
        httpGet:
          path: /healthz
          port: http
          scheme: {{ $scheme }}
        periodSeconds: 10
        timeoutSeconds: 5
        failureThreshold: 6
      readinessProbe:
        httpGet:
          path: /readyz
          port: http
          scheme: {{ $scheme }}
        periodSeconds: 5
        timeoutSeconds: 5
        failureThreshold: 2
      lifecycle:
        preStop:
          exec:
            command: [sleep, {{ .Values.preStopSeconds | quote }}]
      {{- with $.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      securityContext:
        allowPrivilegeEscalation: false
        readOnlyRootFilesystem: true
        capabilities:
          drop: [ALL]
      volumeMounts:
        - name: data
          mountPath: /var/lib/berth
        - name: tmp
          mountPath: /tmp
        - name: secrets
          mountPath: /etc/berth/secrets
          readOnly: true
        {{- if .Values.tls.existingSecret }}
        - name: tls
          mountPath: /etc/berth/tls
          readOnly: true
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: data
      {{- if $isShared }}
      emptyDir: {}
      {{- else }}
      persistentVolumeClaim:
        claimName: {{ default (include "berth.fullname" .) .Values.embedded.volume.existingClaim }}
      {{- end }}
    - name: tmp
      emptyDir: {}
    - name: secrets
      secret:
        secretName: {{ include "berth.secret" . }}
        defaultMode: 0440
        items:
          - key: master-key
            path: master-key
    {{- if .Values.tls.existingSecret }}
    - name: tls
      secret:
        secretName: {{ .Values.tls.existingSecret }}
        defaultMode: 0440
    {{- end }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with .Values.nodeSelector }}
  nodeSelector:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.tolerations }}
  tolerations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.spreadOver }}
  topologySpreadConstraints:
    {{- range . }}
    - topologyKey: {{ . }}
      maxSkew: 1
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "berth.selector" $.root | nindent 10 }}
          app.kubernetes.io/component: {{ $.component }}
    {{- end }}
  {{- end }}
{{- end -}}
{{- end -}}

{{/* Secrets that a pod starts without: the first key is for the first start, and the bucket may know the pod by its identity. */}}
{{- define "berth.optionalSecrets" -}}
{{- $secrets := dict "BERTH_BOOTSTRAP_ACCESS_KEY_ID" "bootstrap-access-key-id" "BERTH_BOOTSTRAP_SECRET_ACCESS_KEY" "bootstrap-secret-access-key" -}}
{{- if .isShared -}}
{{- $_ := set $secrets "BERTH_BLOB_STORE_ACCESS_KEY_ID" "blob-store-access-key-id" -}}
{{- $_ := set $secrets "BERTH_BLOB_STORE_SECRET_ACCESS_KEY" "blob-store-secret-access-key" -}}
{{- end -}}
{{- range $variable, $key := $secrets }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ include "berth.secret" $.root }}
      key: {{ $key }}
      optional: true
{{- end }}
{{- end -}}
