//go:build tools

// Package tools keeps krew and its manifest validator in go.mod, so that
// their versions and checksums are locked.
package tools

import (
	_ "sigs.k8s.io/krew/cmd/krew"
	_ "sigs.k8s.io/krew/cmd/validate-krew-manifest"
)
