package config

import (
	"fmt"

	"github.com/polluxhub/pollux/hub/natslog/embedded"
)

// judgeCluster checks that a node of a cluster has what it needs, and that strangers do not
// belong to the cluster.
func (f *Flags) judgeCluster() error {
	if f.ClusterListen == nil {
		return nil
	}
	listen := f.Where("cluster-listen")
	switch {
	case f.Data == nil:
		return fmt.Errorf("%s is set, and data is not: want both", listen)
	case f.Node == nil:
		return fmt.Errorf("%s is set, and node is not: want both", listen)
	case f.DataSync != nil && *f.DataSync != string(embedded.SyncAlways):
		return fmt.Errorf("%s is %s: want %s in a cluster, because a majority that loses its power would forget events that were told, and give their IDs out again", f.Where("data-sync"), *f.DataSync, embedded.SyncAlways)
	case f.ClusterCertFile != nil && f.ClusterCAFile == nil:
		return fmt.Errorf("%s is set, and cluster_ca_file is not: want both", f.Where("cluster-cert-file"))
	case f.ClusterCertFile != nil && f.ClusterSecretFile != nil:
		return fmt.Errorf("%s and %s exclude each other: one of them says who belongs to the cluster", f.Where("cluster-secret-file"), f.Where("cluster-cert-file"))
	}
	if err := embedded.CheckRoutes(f.ClusterRoutes); err != nil {
		return fmt.Errorf("%s: %w", f.Where("cluster-routes"), err)
	}
	if f.ClusterCertFile != nil || f.ClusterSecretFile != nil {
		return nil
	}
	const want = "which is not on this machine alone: want cluster_secret_file as well, or cluster_cert_file, or loopback addresses"
	if !embedded.IsLocal(*f.ClusterListen) {
		return fmt.Errorf("%s is %s, %s", listen, *f.ClusterListen, want)
	}
	for _, route := range f.ClusterRoutes {
		if !embedded.IsLocal(route) {
			return fmt.Errorf("%s has %s, %s", f.Where("cluster-routes"), route, want)
		}
	}
	return nil
}
