package main

import (
	_ "github.com/operator-framework/helm-operator-plugins/pkg/client"
	_ "helm.sh/helm/v3/pkg/action"
	_ "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	_ "k8s.io/client-go/kubernetes"
	_ "sigs.k8s.io/controller-runtime"
	_ "sigs.k8s.io/controller-runtime/pkg/envtest"
	_ "github.com/onsi/ginkgo/v2"
	_ "github.com/onsi/gomega"
)

func main() {}
