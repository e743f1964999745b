# What this folder ships.
policies_files = policies/audit-everything.yaml \
	policies/build.yaml \
	policies/offline.yaml
policiesdir = $(pkgdatadir)/policies
dist_policies_DATA = $(policies_files)
