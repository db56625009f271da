package deploytest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// patience is how long something may take that a loaded machine does slowly.
const patience = 2 * time.Minute

// docker runs a command of the container engine and returns what it prints.
func docker(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("docker %s: %v\n%s\nscripts/deploy-test.sh starts an engine and builds the images", strings.Join(args, " "), err, &stderr)
	}
	return strings.TrimSpace(stdout.String())
}

// eventually waits until is returns true.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// kubelet runs the containers of a pod as the kubelet of Kubernetes does, as far as they can
// tell: one after the other in one network, with their users, mounts and environment, and on a
// root file system that cannot be written. What decides about nodes and volumes is not here.
type kubelet struct {
	t       *testing.T
	objects []runtime.Object
	network string
	pod     corev1.PodTemplateSpec
	volumes map[string]string // folders
	pause   string            // the container that has the pod's network
	address string            // of the pod
}

// startPod makes a pod's network and volumes; those that exist already stay as they are.
func startPod(t *testing.T, network, name string, objects []runtime.Object, volumes map[string]string) *kubelet {
	t.Helper()
	pod, ok := pods(objects)[name]
	if !ok {
		t.Fatalf("there is no %s", name)
	}
	k := &kubelet{t: t, objects: objects, network: network, pod: pod, volumes: volumes}
	k.pause = docker(t, "run", "--detach", "--network", network, "--network-alias", name, "people:1", "node", "-e", "setInterval(() => {}, 1e9)")
	t.Cleanup(func() { docker(t, "rm", "--force", k.pause) })
	k.address = docker(t, "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", k.pause)
	return k
}

// newVolume makes an empty folder that belongs to a pod's group, as fsGroup has it.
func newVolume(t *testing.T) string {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "volume")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(folder, 0, 65532); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(folder, 0o770|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	return folder
}

func (k *kubelet) container(name string) corev1.Container {
	k.t.Helper()
	for _, c := range containers(k.pod) {
		if c.Name == name {
			return c
		}
	}
	k.t.Fatalf("there is no container %s", name)
	return corev1.Container{}
}

// environment returns what a container's environment adds to that of its image.
func (k *kubelet) environment(c corev1.Container) map[string]string {
	all := map[string]string{}
	secret := func(name string) map[string][]byte {
		for _, s := range pick[*corev1.Secret](k.objects) {
			if s.Name == name {
				return s.Data
			}
		}
		return nil
	}
	for _, from := range c.EnvFrom {
		for _, m := range pick[*corev1.ConfigMap](k.objects) {
			if from.ConfigMapRef != nil && from.ConfigMapRef.Name == m.Name {
				for key, value := range m.Data {
					all[key] = value
				}
			}
		}
		if from.SecretRef != nil {
			for key, value := range secret(from.SecretRef.Name) {
				all[key] = string(value)
			}
		}
	}
	for _, e := range c.Env {
		all[e.Name] = e.Value
		if e.ValueFrom != nil {
			all[e.Name] = string(secret(e.ValueFrom.SecretKeyRef.Name)[e.ValueFrom.SecretKeyRef.Key])
		}
	}
	return all
}

var variable = regexp.MustCompile(`\$\((\w+)\)`)

// start starts a container and returns its id. Of the environment, with counts more.
func (k *kubelet) start(name string, with map[string]string) string {
	k.t.Helper()
	c := k.container(name)
	user := *k.pod.Spec.SecurityContext.RunAsUser
	run := []string{
		"run", "--detach", "--network", "container:" + k.pause, "--read-only", "--cap-drop", "ALL",
		"--security-opt", "no-new-privileges", "--user", fmt.Sprintf("%d:%d", user, user), "--no-healthcheck",
	}
	if limit, ok := c.Resources.Limits[corev1.ResourceMemory]; ok {
		run = append(run, "--memory", strconv.FormatInt(limit.Value(), 10))
	}
	env := k.environment(c)
	for key, value := range with {
		env[key] = value
	}
	for key, value := range env {
		run = append(run, "--env", key+"="+value)
	}
	for _, m := range c.VolumeMounts {
		if k.volumes[m.Name] == "" {
			k.volumes[m.Name] = newVolume(k.t)
		}
		run = append(run, "--volume", k.volumes[m.Name]+":"+m.MountPath)
	}
	args := c.Args
	if len(c.Command) > 0 {
		run = append(run, "--entrypoint", c.Command[0])
		args = append(c.Command[1:], args...)
	}
	run = append(run, c.Image)
	for _, arg := range args {
		run = append(run, variable.ReplaceAllStringFunc(arg, func(v string) string { return env[variable.FindStringSubmatch(v)[1]] }))
	}
	id := docker(k.t, run...)
	k.t.Cleanup(func() {
		if k.t.Failed() {
			output, _ := exec.Command("docker", "logs", id).CombinedOutput()
			k.t.Logf("%s:\n%s", name, output)
		}
		docker(k.t, "rm", "--force", id)
	})
	return id
}

// run starts a container, waits for its end and returns its exit code.
func (k *kubelet) run(name string, with map[string]string) int {
	k.t.Helper()
	id := k.start(name, with)
	return k.code(docker(k.t, "wait", id))
}

// stop sends SIGTERM, waits as long as Kubernetes does, and returns the exit code.
func (k *kubelet) stop(id string) int {
	k.t.Helper()
	docker(k.t, "stop", "--time", strconv.FormatInt(*k.pod.Spec.TerminationGracePeriodSeconds, 10), id)
	return k.code(docker(k.t, "wait", id))
}

func (k *kubelet) code(text string) int {
	k.t.Helper()
	code, err := strconv.Atoi(text)
	if err != nil {
		k.t.Fatal(err)
	}
	return code
}

// probe asks what a probe asks: by the pod's address, like the kubelet and Prometheus.
func (k *kubelet) probe(name string, probe *corev1.Probe) bool {
	k.t.Helper()
	port := probe.HTTPGet.Port.IntValue()
	for _, p := range k.container(name).Ports {
		if p.Name == probe.HTTPGet.Port.StrVal {
			port = int(p.ContainerPort)
		}
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Get(fmt.Sprintf("http://%s:%d%s", k.address, port, probe.HTTPGet.Path))
	if err != nil {
		return false
	}
	defer func() { _ = answer.Body.Close() }()
	return answer.StatusCode == http.StatusOK
}

// get returns what the watcher answers, by the address that a service discovery gives it.
func (k *kubelet) get(path string) string {
	k.t.Helper()
	answer, err := http.Get(fmt.Sprintf("http://%s:8484%s", k.address, path))
	if err != nil {
		k.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		k.t.Fatal(err)
	}
	return string(text)
}
