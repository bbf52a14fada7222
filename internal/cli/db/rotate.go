package db

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

func newRotate(tool *cli.Tool) *cobra.Command {
	return &cobra.Command{
		Use:   "rotate NAME",
		Short: "Replace a generated password now",
		Long: `Replace a generated password now, by writing a new one to its Secret (status.credentials), which is how
a password is changed. The operator brings it to the server and the binding. Connections that are open stay open;
applications must take the new password from the Secret. The password is not printed.

A password that you chose is not replaced: change your Secret, or spec.password. It needs the rights to get and patch
the Secret. To have it done on a schedule, set spec.passwordRotation.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			cluster, db, err := connected(command.Context(), tool, args[0])
			if err != nil {
				return err
			}
			return rotate(command.Context(), tool, cluster, db)
		},
	}
}

func rotate(ctx context.Context, tool *cli.Tool, cluster *cli.Cluster, db *v1.Database) error {
	if err := rotatable(db); err != nil {
		return err
	}
	secret := &corev1.Secret{}
	if err := cluster.Get(ctx, cluster.Key(db.Status.Credentials.Name), secret); err != nil {
		return err
	}
	if secret.Labels[dbname.LabelManagedBy] != dbname.Operator || secret.Labels[dbname.LabelDatabase] != db.Name {
		return fmt.Errorf("the Secret %s was not created by the operator for database/%s, and is left alone",
			secret.Name, db.Name)
	}
	before := secret.DeepCopy()
	if secret.Data == nil {
		secret.Data = map[string][]byte{}
	}
	secret.Data[db.Status.Credentials.Key] = []byte(rand.Text())
	// The schedule of spec.passwordRotation counts from here.
	metav1.SetMetaDataAnnotation(&secret.ObjectMeta, dbname.AnnotationGenerated, tool.Now().UTC().Format(time.RFC3339))
	// Not over what the operator, or somebody else, writes meanwhile.
	patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := cluster.Patch(ctx, secret, patch); err != nil {
		return err
	}
	_, err := fmt.Fprintf(tool.Out, `The Secret %s has a new password.
The server takes it within about two minutes, if the operator runs; open connections stay open.
Applications must take it from the Secret %s, or that of the binding, anew.
`, secret.Name, secret.Name)
	return err
}

// rotatable reports why a password is not the operator's to generate.
func rotatable(db *v1.Database) error {
	switch {
	case db.Spec.PasswordSecretRef.Name != "":
		return fmt.Errorf("the password of database/%s is yours: change it in the Secret %s",
			db.Name, db.Spec.PasswordSecretRef.Name)
	case db.Spec.Password != "":
		return fmt.Errorf("the password of database/%s is yours: change spec.password", db.Name)
	case db.Status.Credentials.Name == "" || db.Status.Credentials.Key == "":
		return fmt.Errorf("database/%s has no password yet: %s", db.Name, cli.Printable(db.Status.Message))
	default:
		return nil
	}
}
