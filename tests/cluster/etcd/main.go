// Command etcd is the store of a test cluster's API server. The upstream
// module publishes its server as a library, so this is all a build needs.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
