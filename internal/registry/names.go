package registry

import "packregistry/internal/pack"

// checkScope accepts a namespace or pack.AllNamespaces, for reading.
func checkScope(namespace string) error {
	if namespace == pack.AllNamespaces {
		return nil
	}
	return pack.ValidateNamespace(namespace)
}

func checkPack(namespace, name string) error {
	if err := pack.ValidateNamespace(namespace); err != nil {
		return err
	}
	return pack.ValidateName(name)
}

// RepositoryFolder is what stands between the namespace and the name of a pack in its OCI repository (palette-contract 3.1).
const RepositoryFolder = "spectro-packs/archive/"

// Repository is the name of a pack's OCI repository.
func Repository(namespace, name string) string { return namespace + "/" + RepositoryFolder + name }
