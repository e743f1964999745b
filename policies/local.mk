# What this folder ships.
policies_files = policies/agent.yaml \
	policies/audit-everything.yaml \
	policies/base.yaml \
	policies/build.yaml \
	policies/ci.yaml \
	policies/offline.yaml \
	policies/proxied.yaml
policiesdir = $(pkgdatadir)/policies
dist_policies_DATA = $(policies_files)
