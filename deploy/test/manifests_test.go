// Package deploytest tries what is in deploy: that manifests are what Kubernetes accepts, that
// the containers of a pod do their work in their order, and that the recipe with Docker Compose
// works as docs/compose.md has it. It is a module of its own, as it needs the types of Kubernetes.
// scripts/deploy-test.sh runs it, with a container engine.
package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/pod-security-admission/api"
	"k8s.io/pod-security-admission/policy"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/types"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const example = "../kubernetes/example"

// overlays are what users make of deploy/kubernetes, one with each component and each kind of
// workload at least.
var overlays = []string{example, "testdata/backup", "testdata/deployment", "testdata/epoch"}

// rendered returns the documents that kustomize makes of a folder.
func rendered(t *testing.T, folder string) []string {
	t.Helper()
	options := krusty.MakeDefaultOptions()
	options.LoadRestrictions = types.LoadRestrictionsNone // for single files of the example
	resources, err := krusty.MakeKustomizer(options).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		t.Fatalf("%s: %v", folder, err)
	}
	text, err := resources.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n---\n")
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, monitoringv1.AddToScheme,
	} {
		utilruntime.Must(add(s))
	}
	return s
}

// objects returns what kustomize makes of a folder, in the types of Kubernetes: a key that they
// do not know, or have twice, is an error.
func objects(t *testing.T, folder string) []runtime.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(scheme(), serializer.EnableStrict).UniversalDeserializer()
	var all []runtime.Object
	for _, document := range rendered(t, folder) {
		object, _, err := decoder.Decode([]byte(document), nil, nil)
		if err != nil {
			t.Fatalf("%s: %v\n%s", folder, err, document)
		}
		all = append(all, object)
	}
	return all
}

// pick returns the objects of a type.
func pick[T runtime.Object](all []runtime.Object) []T {
	var picked []T
	for _, object := range all {
		if o, ok := object.(T); ok {
			picked = append(picked, o)
		}
	}
	return picked
}

// pods returns the templates of all pods, by the name of what makes them.
func pods(all []runtime.Object) map[string]corev1.PodTemplateSpec {
	templates := map[string]corev1.PodTemplateSpec{}
	for _, object := range all {
		switch o := object.(type) {
		case *appsv1.StatefulSet:
			templates[o.Name] = o.Spec.Template
		case *appsv1.Deployment:
			templates[o.Name] = o.Spec.Template
		case *batchv1.Job:
			templates[o.Name] = o.Spec.Template
		case *batchv1.CronJob:
			templates[o.Name] = o.Spec.JobTemplate.Spec.Template
		}
	}
	return templates
}

// containers returns all containers of a pod in the order in which they start.
func containers(pod corev1.PodTemplateSpec) []corev1.Container {
	return slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
}

func TestManifestsAreKnown(t *testing.T) {
	for _, folder := range overlays {
		if all := objects(t, folder); len(all) < 5 {
			t.Errorf("%s: only %d objects", folder, len(all))
		}
	}
	monitors := pick[*monitoringv1.PodMonitor](objects(t, "testdata/deployment"))
	if len(monitors) != 1 {
		t.Errorf("%d PodMonitors", len(monitors))
	}
}

// TestManifestsAreValid asks the schemas of the API server, which know what is required and
// which values there are. It has none for PodMonitor, which is not Kubernetes's own.
func TestManifestsAreValid(t *testing.T) {
	validate := os.Getenv("KUBECTL_VALIDATE")
	if validate == "" {
		t.Fatal("run scripts/deploy-test.sh, which sets KUBECTL_VALIDATE")
	}
	check := func(documents []string) ([]byte, error) {
		file := filepath.Join(t.TempDir(), "all.yaml")
		if err := os.WriteFile(file, []byte(strings.Join(documents, "\n---\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		return exec.Command(validate, "--version", "1.30", file).CombinedOutput()
	}
	for _, folder := range overlays {
		documents := slices.DeleteFunc(rendered(t, folder), func(d string) bool { return strings.Contains(d, "kind: PodMonitor") })
		if output, err := check(documents); err != nil {
			t.Errorf("%s: %v\n%s", folder, err, output)
		}
	}
	wrong := []string{strings.Replace(rendered(t, example)[0], "kind: Namespace", "kind: Namespace\nspec: {finalizers: 1}", 1)}
	if output, err := check(wrong); err == nil {
		t.Errorf("what is wrong is valid:\n%s", output)
	}
}

// TestPodsAreRestricted: each pod is admitted by the strictest of the Pod Security Standards, and
// in addition nothing of gbak-s3 can write to its own root file system.
func TestPodsAreRestricted(t *testing.T) {
	evaluator, err := policy.NewEvaluator(policy.DefaultChecks())
	if err != nil {
		t.Fatal(err)
	}
	restricted := api.LevelVersion{Level: api.LevelRestricted, Version: api.LatestVersion()}
	for _, folder := range overlays {
		for name, pod := range pods(objects(t, folder)) {
			result := policy.AggregateCheckResults(evaluator.EvaluatePod(restricted, &pod.ObjectMeta, &pod.Spec))
			if !result.Allowed {
				t.Errorf("%s: %s: %s", folder, name, result.ForbiddenDetail())
			}
			for _, c := range containers(pod) {
				s := c.SecurityContext
				if s == nil || s.ReadOnlyRootFilesystem == nil || !*s.ReadOnlyRootFilesystem {
					t.Errorf("%s: %s: the root file system of %s can be written", folder, name, c.Name)
				}
			}
			if mounts := pod.Spec.AutomountServiceAccountToken; mounts == nil || *mounts {
				t.Errorf("%s: %s has a token for the API server, which it does not need", folder, name)
			}
		}
	}
}

// TestOnePodAtATime: only one process may open a Grafeo database, and two that go on from one archive would
// commit two histories. So a Deployment ends its old pod before it starts the new one, whatever it says itself.
func TestOnePodAtATime(t *testing.T) {
	n := 0
	for _, folder := range overlays {
		for _, d := range pick[*appsv1.Deployment](objects(t, folder)) {
			if d.Labels["gbak-s3"] == "" {
				continue
			}
			n++
			if s := d.Spec.Strategy; s.Type != appsv1.RecreateDeploymentStrategyType || s.RollingUpdate != nil {
				t.Errorf("%s: the strategy of %s is %+v", folder, d.Name, s)
			}
		}
	}
	if n == 0 {
		t.Error("there is no Deployment with a watcher")
	}
}

// TestNamesLeadSomewhere: what the manifests name in each other is there.
func TestNamesLeadSomewhere(t *testing.T) {
	image := "gbak-s3:" + version(t)
	for _, folder := range overlays {
		all := objects(t, folder)
		names := map[string]bool{}
		for _, object := range all {
			switch o := object.(type) {
			case *corev1.ConfigMap:
				names["config "+o.Name] = true
			case *corev1.Secret:
				names["secret "+o.Name] = true
			}
		}
		for name, pod := range pods(all) {
			for _, c := range containers(pod) {
				if strings.HasPrefix(c.Image, "gbak-s3") && c.Image != image {
					t.Errorf("%s: %s: %s has the image %s", folder, name, c.Name, c.Image)
				}
				for _, e := range c.EnvFrom {
					if e.ConfigMapRef != nil && !names["config "+e.ConfigMapRef.Name] {
						t.Errorf("%s: %s: there is no ConfigMap %s", folder, name, e.ConfigMapRef.Name)
					}
					if e.SecretRef != nil && !*e.SecretRef.Optional && !names["secret "+e.SecretRef.Name] {
						t.Errorf("%s: %s: there is no Secret %s", folder, name, e.SecretRef.Name)
					}
				}
			}
		}
		for _, p := range pick[*networkingv1.NetworkPolicy](all) {
			if selected(t, all, &p.Spec.PodSelector) == 0 {
				t.Errorf("%s: the policy %s is for no pod", folder, p.Name)
			}
		}
		for _, m := range pick[*monitoringv1.PodMonitor](all) {
			if selected(t, all, &m.Spec.Selector) == 0 {
				t.Errorf("%s: the monitor %s asks no pod", folder, m.Name)
			}
			for _, endpoint := range m.Spec.PodMetricsEndpoints {
				if endpoint.Port == nil || !hasPort(all, *endpoint.Port) {
					t.Errorf("%s: no pod has the port of the monitor", folder)
				}
			}
		}
	}
}

// TestImageIsOfThisVersion: what users build and what the files name is the same.
func TestImageIsOfThisVersion(t *testing.T) {
	tag := regexp.MustCompile(`gbak-s3:([0-9]+\.[0-9.]*[0-9])`)
	for _, file := range []string{"../compose/compose.yaml", "../minio/Dockerfile", "../../docs/compose.md", "../../docs/kubernetes.md"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tags := tag.FindAllStringSubmatch(string(text), -1)
		if len(tags) == 0 {
			t.Errorf("%s names no image", file)
		}
		for _, found := range tags {
			if found[1] != version(t) {
				t.Errorf("%s has %s", file, found[0])
			}
		}
	}
}

// version returns that of the newest release.
func version(t *testing.T) string {
	t.Helper()
	output, err := exec.Command("bash", "../../scripts/release-version.sh").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(output))
}

func selected(t *testing.T, all []runtime.Object, by *metav1.LabelSelector) int {
	t.Helper()
	selector, err := metav1.LabelSelectorAsSelector(by)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, pod := range pods(all) {
		if selector.Matches(labels.Set(pod.Labels)) {
			n++
		}
	}
	return n
}

func hasPort(all []runtime.Object, name string) bool {
	for _, pod := range pods(all) {
		for _, c := range containers(pod) {
			if slices.ContainsFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name }) {
				return true
			}
		}
	}
	return false
}
