package deploytest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

// people asks the application how many people it has; with a name, after one more.
func people(t *testing.T, address, name string) int {
	t.Helper()
	url := fmt.Sprintf("http://%s:8080/people", address)
	var response *http.Response
	var err error
	if name == "" {
		response, err = http.Get(url)
	} else {
		response, err = http.Post(url+"?name="+name, "", nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ People *int }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || answer.People == nil {
		t.Fatalf("the application answers %s: %v", response.Status, err)
	}
	return *answer.People
}

// TestLifeOfAPod starts and stops the containers of the example in the order in which Kubernetes
// does, with the arguments, environment, users and mounts of the manifests: a first start with
// nothing there, a store that is away, the end of a pod, and a new pod whose disk is empty.
func TestLifeOfAPod(t *testing.T) {
	all := objects(t, example)
	network := docker(t, "network", "create", "people")
	t.Cleanup(func() { docker(t, "network", "rm", network) })

	store := startPod(t, network, "minio", all, map[string]string{})
	if code := store.run("bucket", nil); code != 0 {
		t.Fatalf("the bucket: %d", code)
	}
	minio := store.start("minio", nil)
	isReady := func() bool { return store.probe("minio", store.container("minio").ReadinessProbe) }
	eventually(t, "MinIO is ready", isReady)

	// begin does what is done until the application serves.
	begin := func(volumes map[string]string) (pod *kubelet, watch, app string) {
		t.Helper()
		pod = startPod(t, network, "people", all, volumes)
		if code := pod.run("restore", nil); code != 0 {
			t.Fatalf("the restore ended with %d", code)
		}
		watch = pod.start("watch", nil)
		eventually(t, "the watcher has started", func() bool { return pod.probe("watch", pod.container("watch").StartupProbe) })
		app = pod.start("people", nil)
		eventually(t, "the application serves", func() bool { return pod.probe("people", pod.container("people").ReadinessProbe) })
		return pod, watch, app
	}
	end := func(pod *kubelet, watch, app string) {
		t.Helper()
		if code := pod.stop(app); code != 0 {
			t.Errorf("the application ended with %d", code)
		}
		if code := pod.stop(watch); code != 0 {
			t.Errorf("the watcher ended with %d: something is not in the archive", code)
		}
	}

	first := map[string]string{"data": newVolume(t)}
	pod, watch, app := begin(first)
	for n, name := range []string{"Ada", "Grace", "Edsger"} {
		if got := people(t, pod.address, name); got != n+1 {
			t.Errorf("%d people after %s", got, name)
		}
	}
	for _, monitor := range pick[*monitoringv1.PodMonitor](objects(t, "testdata/deployment")) {
		path := monitor.Spec.PodMetricsEndpoints[0].Path
		if text := pod.get(path); !strings.Contains(text, `gbak_database_state{`) {
			t.Errorf("%s answers %s", path, text)
		}
	}
	end(pod, watch, app)

	// The same disk, while the store is away: the application starts, and the watcher is alive.
	docker(t, "stop", minio)
	pod, watch, app = begin(first)
	if got := people(t, pod.address, "Barbara"); got != 4 {
		t.Errorf("%d people while the store is away", got)
	}
	if !pod.probe("watch", pod.container("watch").LivenessProbe) {
		t.Error("the watcher counts as dead while the store is away")
	}
	// Without its disk it must not start while nobody can tell whether there is an archive.
	if code := startPod(t, network, "people", all, map[string]string{"data": newVolume(t)}).run("restore", nil); code == 0 {
		t.Error("it would start empty while the store is away")
	}
	docker(t, "start", minio)
	eventually(t, "MinIO is ready again", isReady)
	if code := startPod(t, network, "people", all, map[string]string{"data": newVolume(t)}).
		run("restore", map[string]string{"AWS_SECRET_ACCESS_KEY": "expired"}); code == 0 {
		t.Error("it would start empty because a key has expired")
	}
	end(pod, watch, app)

	// The disk is gone: everything that was committed comes back.
	if err := os.RemoveAll(first["data"]); err != nil {
		t.Fatal(err)
	}
	second := map[string]string{"data": newVolume(t)}
	pod, watch, app = begin(second)
	if got := people(t, pod.address, ""); got != 4 {
		t.Errorf("%d people on a new disk", got)
	}

	// The jobs, beside the pod.
	if code := startPod(t, network, "gbak-s3-drill", all, map[string]string{}).run("drill", nil); code != 0 {
		t.Errorf("the drill ended with %d", code)
	}
	clock := objects(t, "testdata/backup")
	archive := map[string]string{"GBAK_ARCHIVE": pod.environment(pod.container("watch"))["GBAK_ARCHIVE"]}
	people(t, pod.address, "Alan")
	if code := startPod(t, network, "gbak-s3-backup", clock, second).run("backup", archive); code != 0 {
		t.Errorf("the backup ended with %d", code)
	}
	end(pod, watch, app)

	// An earlier state, while there is no pod: what was there is moved aside.
	job := startPod(t, network, "restore-epoch", objects(t, "testdata/epoch"), second)
	for i, arg := range job.pod.Spec.Containers[0].Args {
		if arg == "--epoch=1" {
			job.pod.Spec.Containers[0].Args[i] = "--epoch=4" // that of Barbara
		}
	}
	if code := job.run("restore", nil); code != 0 {
		t.Errorf("the restore of an earlier state ended with %d", code)
	}
	if aside, err := filepath.Glob(filepath.Join(second["data"], "people.grafeo.before-restore-*")); err != nil || len(aside) == 0 {
		t.Errorf("the database that was there is gone: %v", err)
	}
	pod, watch, app = begin(second)
	if got := people(t, pod.address, ""); got != 4 {
		t.Errorf("%d people at epoch 4", got)
	}
	end(pod, watch, app)
}
