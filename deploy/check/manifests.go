package main

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	apps "k8s.io/api/apps/v1"
	autoscaling "k8s.io/api/autoscaling/v2"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	meta_v1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/util/validation"
)

var documentEnd = regexp.MustCompile(`(?m)^---.*$`)

// checkManifests decodes each document into the type that its apiVersion and kind name: unknown fields, fields that are there twice and
// values of the wrong type are mistakes, and so is a kind that this program does not know. Then come those mistakes that an API server
// would refuse although the types allow them.
func checkManifests(input []byte) ([]runtime.Object, []error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		apps.AddToScheme, autoscaling.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, monitoring.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, []error{err}
		}
	}
	decoder := json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: true, Strict: true})
	objects := []runtime.Object{}
	mistakes := []error{}
	for _, document := range documentEnd.Split(string(input), -1) {
		if isEmpty(document) {
			continue
		}
		object, kind, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%v: %w\n%s", kind, err, bytes.TrimSpace([]byte(document))))
			continue
		}
		objects = append(objects, object)
		for _, err := range checkObject(object) {
			mistakes = append(mistakes, fmt.Errorf("%s %s: %w", kind.Kind, nameOf(object), err))
		}
	}
	return objects, append(mistakes, checkTogether(objects)...)
}

func isEmpty(document string) bool {
	for _, line := range strings.Split(document, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "#") {
			return false
		}
	}
	return true
}

func nameOf(object runtime.Object) string {
	if accessor, err := meta.Accessor(object); err == nil {
		return accessor.GetName()
	}
	return "?"
}

func checkObject(object runtime.Object) []error {
	mistakes := []error{}
	accessor, err := meta.Accessor(object)
	if err != nil {
		return []error{err}
	}
	for _, mistake := range validation.IsDNS1123Subdomain(accessor.GetName()) {
		mistakes = append(mistakes, fmt.Errorf("name: %s", mistake))
	}
	if _, isService := object.(*core.Service); isService {
		for _, mistake := range validation.IsDNS1035Label(accessor.GetName()) {
			mistakes = append(mistakes, fmt.Errorf("name: %s", mistake))
		}
	}
	mistakes = append(mistakes, checkLabels("labels", accessor.GetLabels())...)
	for key := range accessor.GetAnnotations() {
		for _, mistake := range validation.IsQualifiedName(strings.ToLower(key)) {
			mistakes = append(mistakes, fmt.Errorf("annotation %s: %s", key, mistake))
		}
	}
	if deployment, isDeployment := object.(*apps.Deployment); isDeployment {
		mistakes = append(mistakes, checkDeployment(deployment)...)
	}
	return mistakes
}

func checkLabels(where string, set map[string]string) []error {
	mistakes := []error{}
	for key, value := range set {
		for _, mistake := range validation.IsQualifiedName(key) {
			mistakes = append(mistakes, fmt.Errorf("%s: %s: %s", where, key, mistake))
		}
		for _, mistake := range validation.IsValidLabelValue(value) {
			mistakes = append(mistakes, fmt.Errorf("%s: %s=%s: %s", where, key, value, mistake))
		}
	}
	return mistakes
}

func checkDeployment(deployment *apps.Deployment) []error {
	mistakes := []error{}
	template := deployment.Spec.Template
	mistakes = append(mistakes, checkLabels("pod labels", template.Labels)...)
	if !selects(deployment.Spec.Selector, template.Labels) {
		mistakes = append(mistakes, fmt.Errorf("its selector does not select its own pods"))
	}
	if deployment.Spec.Strategy.Type == apps.RecreateDeploymentStrategyType && deployment.Spec.Strategy.RollingUpdate != nil {
		mistakes = append(mistakes, fmt.Errorf("rollingUpdate goes with the strategy RollingUpdate only"))
	}
	volumes := map[string]bool{}
	for _, volume := range template.Spec.Volumes {
		if volumes[volume.Name] {
			mistakes = append(mistakes, fmt.Errorf("the volume %s is there twice", volume.Name))
		}
		volumes[volume.Name] = true
	}
	for _, container := range append(template.Spec.InitContainers, template.Spec.Containers...) {
		mistakes = append(mistakes, checkContainer(container, volumes)...)
	}
	for _, spread := range template.Spec.TopologySpreadConstraints {
		if !selects(spread.LabelSelector, template.Labels) {
			mistakes = append(mistakes, fmt.Errorf("the spread over %s does not count its own pods", spread.TopologyKey))
		}
	}
	return mistakes
}

func checkContainer(container core.Container, volumes map[string]bool) []error {
	mistakes := []error{}
	if container.Image == "" || strings.HasSuffix(container.Image, ":") || strings.HasPrefix(container.Image, ":") {
		mistakes = append(mistakes, fmt.Errorf("the image is %q", container.Image))
	}
	mounted := map[string]bool{}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			mistakes = append(mistakes, fmt.Errorf("mounts %s, which is no volume", mount.Name))
		}
		if mounted[mount.MountPath] {
			mistakes = append(mistakes, fmt.Errorf("mounts two things at %s", mount.MountPath))
		}
		mounted[mount.MountPath] = true
	}
	variables := map[string]bool{}
	for _, variable := range container.Env {
		if variables[variable.Name] {
			mistakes = append(mistakes, fmt.Errorf("the variable %s is there twice", variable.Name))
		}
		variables[variable.Name] = true
		if variable.Value != "" && variable.ValueFrom != nil {
			mistakes = append(mistakes, fmt.Errorf("the variable %s has a value and a source", variable.Name))
		}
	}
	ports := map[string]bool{}
	for _, port := range container.Ports {
		for _, mistake := range validation.IsValidPortName(port.Name) {
			mistakes = append(mistakes, fmt.Errorf("port %s: %s", port.Name, mistake))
		}
		ports[port.Name] = true
	}
	for name, probe := range map[string]*core.Probe{
		"startup": container.StartupProbe, "liveness": container.LivenessProbe, "readiness": container.ReadinessProbe,
	} {
		if probe == nil || probe.HTTPGet == nil {
			continue
		}
		if port := probe.HTTPGet.Port; port.StrVal != "" && !ports[port.StrVal] {
			mistakes = append(mistakes, fmt.Errorf("the %s probe asks the port %s, which there is not", name, port.StrVal))
		}
	}
	for name, limit := range container.Resources.Limits {
		if request, isRequested := container.Resources.Requests[name]; isRequested && request.Cmp(limit) > 0 {
			mistakes = append(mistakes, fmt.Errorf("requests more %s than its limit", name))
		}
	}
	return mistakes
}

// checkTogether looks at what one object says of another.
func checkTogether(objects []runtime.Object) []error {
	mistakes := []error{}
	pods := []*apps.Deployment{}
	named := map[string]bool{}
	for _, object := range objects {
		if deployment, isDeployment := object.(*apps.Deployment); isDeployment {
			pods = append(pods, deployment)
		}
		key := object.GetObjectKind().GroupVersionKind().Kind + " " + nameOf(object)
		if named[key] {
			mistakes = append(mistakes, fmt.Errorf("%s is there twice", key))
		}
		named[key] = true
	}
	selected := func(selector *meta_v1.LabelSelector) *apps.Deployment {
		for _, each := range pods {
			if selects(selector, each.Spec.Template.Labels) {
				return each
			}
		}
		return nil
	}
	for _, object := range objects {
		complain := func(format string, values ...any) {
			mistakes = append(mistakes, fmt.Errorf("%s %s: "+format, append([]any{object.GetObjectKind().GroupVersionKind().Kind, nameOf(object)}, values...)...))
		}
		switch each := object.(type) {
		case *core.Service:
			behind := selected(&meta_v1.LabelSelector{MatchLabels: each.Spec.Selector})
			if behind == nil {
				complain("selects no pod")
				continue
			}
			for _, port := range each.Spec.Ports {
				if port.TargetPort.StrVal != "" && !hasPort(behind, port.TargetPort.StrVal) {
					complain("leads to the port %s, which %s has not", port.TargetPort.StrVal, behind.Name)
				}
			}
		case *policy.PodDisruptionBudget:
			if selected(each.Spec.Selector) == nil {
				complain("selects no pod")
			}
		case *networking.NetworkPolicy:
			if selected(&each.Spec.PodSelector) == nil {
				complain("selects no pod")
			}
		case *autoscaling.HorizontalPodAutoscaler:
			if !named[each.Spec.ScaleTargetRef.Kind+" "+each.Spec.ScaleTargetRef.Name] {
				complain("scales %s, which there is not", each.Spec.ScaleTargetRef.Name)
			}
		case *networking.Ingress:
			for _, rule := range each.Spec.Rules {
				for _, path := range rule.HTTP.Paths {
					if !named["Service "+path.Backend.Service.Name] {
						complain("leads to the Service %s, which there is not", path.Backend.Service.Name)
					}
				}
			}
		case *monitoring.ServiceMonitor:
			if !monitors(objects, each) {
				complain("selects no Service with its port")
			}
		}
	}
	return mistakes
}

func monitors(objects []runtime.Object, monitor *monitoring.ServiceMonitor) bool {
	for _, object := range objects {
		service, isService := object.(*core.Service)
		if !isService || !selects(&monitor.Spec.Selector, service.Labels) {
			continue
		}
		for _, endpoint := range monitor.Spec.Endpoints {
			for _, port := range service.Spec.Ports {
				if port.Name == endpoint.Port {
					return true
				}
			}
		}
	}
	return false
}

func hasPort(deployment *apps.Deployment, name string) bool {
	for _, container := range deployment.Spec.Template.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name {
				return true
			}
		}
	}
	return false
}

func selects(selector *meta_v1.LabelSelector, set map[string]string) bool {
	parsed, err := meta_v1.LabelSelectorAsSelector(selector)
	return err == nil && !parsed.Empty() && parsed.Matches(labels.Set(set))
}
