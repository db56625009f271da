package deploytest

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// TestPodOfTheWatcher: a restore, then the watcher as a native sidecar, then the application with
// containers of its own before it. Whatever happens to the store or to the archive, the pod is
// ready or not for its application's reasons only.
func TestPodOfTheWatcher(t *testing.T) {
	for folder, name := range map[string]string{example: "people", "testdata/deployment": "orders"} {
		pod := pods(objects(t, folder))[name]
		starts := containers(pod)
		if len(starts) < 3 || starts[0].Name != "restore" || starts[1].Name != "watch" {
			t.Fatalf("%s: the pod starts %v", folder, starts)
		}
		restore, watch := starts[0], starts[1]
		if restore.RestartPolicy != nil {
			t.Errorf("%s: the restore does not end before others start", folder)
		}
		if watch.RestartPolicy == nil || *watch.RestartPolicy != corev1.ContainerRestartPolicyAlways {
			t.Errorf("%s: the watcher is no sidecar", folder)
		}
		if watch.ReadinessProbe != nil {
			t.Errorf("%s: the watcher can take the application out of service", folder)
		}
		for _, probe := range []*corev1.Probe{watch.StartupProbe, watch.LivenessProbe} {
			if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != "/livez" {
				t.Errorf("%s: the watcher has the probe %v", folder, probe)
			}
		}
		if grace := pod.Spec.TerminationGracePeriodSeconds; grace == nil || *grace < 40 {
			t.Errorf("%s: there is no time for the last backup", folder)
		}
	}
}

// TestRestoreIsTheSame: the component for backups by the clock has the same init container.
func TestRestoreIsTheSame(t *testing.T) {
	watched := containers(pods(objects(t, example))["people"])[0]
	other := containers(pods(objects(t, "testdata/backup"))["people"])[0]
	watched.EnvFrom, other.EnvFrom = nil, nil // with the hashes of their content
	if !reflect.DeepEqual(watched, other) {
		t.Errorf("%+v\n\n%+v", watched, other)
	}
}
