package deploytest

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/apis/apps"
	appsinstall "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	batchinstall "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	coreinstall "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	networkinginstall "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
)

// TestManifestsAreAccepted runs the API server's own validation, which knows what no schema says:
// which values there are, ports that exist, and fields that do not go together.
func TestManifestsAreAccepted(t *testing.T) {
	server := runtime.NewScheme()
	appsinstall.Install(server)
	batchinstall.Install(server)
	coreinstall.Install(server)
	networkinginstall.Install(server)
	checked := map[string]int{}
	for _, folder := range overlays {
		for _, object := range objects(t, folder) {
			kind := object.GetObjectKind().GroupVersionKind()
			if !server.Recognizes(kind) {
				continue // PodMonitor: not Kubernetes's own
			}
			server.Default(object)
			internal, err := server.ConvertToVersion(object, runtime.InternalGroupVersioner)
			if err != nil {
				t.Fatal(err)
			}
			faults := validate(t, internal)
			checked[kind.Kind]++
			for _, fault := range faults {
				t.Errorf("%s: %s: %v", folder, kind.Kind, fault)
			}
		}
	}
	for _, kind := range []string{"StatefulSet", "Deployment", "CronJob", "Job", "NetworkPolicy", "Service", "ConfigMap", "Secret", "Namespace"} {
		if checked[kind] == 0 {
			t.Errorf("no %s was checked", kind)
		}
	}
}

func validate(t *testing.T, object runtime.Object) field.ErrorList {
	t.Helper()
	var options corevalidation.PodValidationOptions
	switch o := object.(type) {
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(o, options)
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(o, options)
	case *batch.CronJob:
		return batchvalidation.ValidateCronJobCreate(o, options)
	case *batch.Job:
		made := map[string]string{"batch.kubernetes.io/controller-uid": "1"} // as the server does
		o.Spec.Template.Labels, o.Spec.Selector = made, &metav1.LabelSelector{MatchLabels: made}
		return batchvalidation.ValidateJobSpec(&o.Spec, field.NewPath("spec"), options)
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{})
	case *core.Service:
		return corevalidation.ValidateServiceCreate(o)
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o)
	case *core.Secret:
		return corevalidation.ValidateSecret(o)
	case *core.Namespace:
		return corevalidation.ValidateNamespace(o)
	}
	t.Fatalf("nothing validates %T", object)
	return nil
}
