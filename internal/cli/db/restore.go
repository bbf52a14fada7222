package db

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	v1 "example.com/cnat-operator/api/database/v1"
	"example.com/cnat-operator/internal/cli"
	"example.com/cnat-operator/internal/dbname"
)

// restore is `kubectl db restore`.
type restore struct {
	*cli.Tool
	from, as, owner string
	dryRun          bool
}

func newRestore(tool *cli.Tool) *cobra.Command {
	r := &restore{Tool: tool}
	command := &cobra.Command{
		Use:   "restore NAME --from=BACKUP --as=NEWNAME",
		Short: "Create a new Database that begins with a backup of another",
		Long: `Create a new Database NEWNAME that begins with a backup of the Database NAME, in the same namespace.
BACKUP is a dump, as kubectl db backups shows it, or "latest". Nothing that is there is overwritten.

The new Database has the spec of NAME, its backups' schedule included, but no password of spec.password: the operator
generates one; and its Service is one for the cluster, since an address or a name outside can't have two servers.
Where NAME is not there any more, --owner says who owns the data, and the other fields have their defaults.

Here --as is the new name, not a user to impersonate.

It needs the rights to get and create databases. With the right to get persistentvolumeclaims it also finds out
whether there are dumps, and whether an earlier Database NEWNAME left its data behind.`,
		Example: `  kubectl db restore shop --from=latest --as=shop-copy
  kubectl db restore shop --from=shop-20260131T033000Z.dump --as=shop-january`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeDatabase(tool),
		RunE: func(command *cobra.Command, args []string) error {
			return r.run(command.Context(), args[0])
		},
	}
	flags := command.Flags()
	flags.StringVar(&r.from, "from", "", `the dump's file name, or "latest"`)
	flags.StringVar(&r.as, "as", "", "the name of the new Database")
	flags.StringVar(&r.owner, "owner", "", "the user who owns the data in the new Database (default: that of NAME)")
	flags.BoolVar(&r.dryRun, "dry-run", false, "print the new Database as YAML, and create nothing")
	completions := map[string]cobra.CompletionFunc{"from": completeDump(tool), "as": cobra.NoFileCompletions}
	for flag, complete := range completions {
		err := errors.Join(command.MarkFlagRequired(flag), command.RegisterFlagCompletionFunc(flag, complete))
		if err != nil {
			panic(err) // the flag is there
		}
	}
	return command
}

// completeDump completes the newest dump of the Database that the argument names.
func completeDump(tool *cli.Tool) cobra.CompletionFunc {
	return func(command *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		dumps := []string{v1.LatestDump}
		if len(args) == 1 {
			if _, db, err := connected(command.Context(), tool, args[0]); err == nil && db.Status.Backup.LastSuccessName != "" {
				dumps = append(dumps, db.Status.Backup.LastSuccessName)
			}
		}
		return dumps, cobra.ShellCompDirectiveNoFileComp
	}
}

func (r *restore) run(ctx context.Context, argument string) error {
	name, err := named(argument)
	if err != nil {
		return err
	}
	cluster, source, err := connected(ctx, r.Tool, argument)
	if apierrors.IsNotFound(err) && r.owner != "" {
		source, err = nil, nil
	}
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("%w: to restore a backup of a Database that is not there any more, give its user by --owner", err)
	}
	if err != nil {
		return err
	}
	restored := restoredFrom(source, r)
	restored.Namespace, restored.Spec.RestoreFrom.Database = cluster.Namespace, name
	if r.dryRun {
		return r.show(restored)
	}
	if err := r.check(ctx, cluster, name); err != nil {
		return err
	}
	// A create, not an apply: what is there stays as it is.
	if err := cluster.Create(ctx, restored); err != nil {
		return err
	}
	return r.report(source, restored)
}

// restoredFrom is the new Database. The source is nil where it is not there any more.
func restoredFrom(source *v1.Database, r *restore) *v1.Database {
	restored := &v1.Database{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1.GroupVersion.String(), Kind: "Database"},
		ObjectMeta: metav1.ObjectMeta{Name: r.as},
	}
	if source != nil {
		restored.Spec = *source.Spec.DeepCopy()
		// Applications that are pointed at the new server find the database under the name that they know.
		restored.Spec.DatabaseName = databaseName(source)
		// Not copied to one more place where whoever reads Databases reads it.
		restored.Spec.Password = ""
		// Its annotations may ask for an address or a DNS name, which is the source's.
		restored.Spec.Service = v1.DatabaseService{}
	}
	if r.owner != "" {
		restored.Spec.User = r.owner
	}
	restored.Spec.RestoreFrom = v1.DatabaseRestore{Dump: r.from}
	return restored
}

// check refuses a restore that could only get stuck. Where a right is missing for that, the operator finds out itself.
func (r *restore) check(ctx context.Context, cluster *cli.Cluster, name string) error {
	claim := &corev1.PersistentVolumeClaim{}
	err := cluster.Get(ctx, cluster.Key(dbname.Backup(name)), claim)
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("there are no backups of database/%s: the volume claim %s is not there", name, dbname.Backup(name))
	}
	if err != nil {
		_, _ = fmt.Fprintln(r.ErrOut, "not checked whether there are dumps:", cli.Printable(cli.Explain(err).Error()))
		return nil
	}
	err = cluster.Get(ctx, cluster.Key(dbname.Claim(r.as)), claim)
	if err == nil {
		return fmt.Errorf("the volume claim %s is there already, with the data of a Database %s: "+
			"nothing is overwritten, choose another name", claim.Name, r.as)
	}
	if !apierrors.IsNotFound(err) {
		return err
	}
	return nil
}

// show prints the new Database as a manifest.
func (r *restore) show(restored *v1.Database) error {
	text, err := manifest(restored)
	if err == nil {
		_, err = r.Out.Write(text)
	}
	return err
}

// manifest is an object as YAML, without what the API server adds.
func manifest(db *v1.Database) ([]byte, error) {
	content, err := yaml.Marshal(db)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := yaml.Unmarshal(content, &fields); err != nil {
		return nil, err
	}
	delete(fields, "status")
	return yaml.Marshal(fields)
}

func (r *restore) report(source, restored *v1.Database) error {
	spec := "the other fields have their defaults"
	password := "the operator generates its password"
	if source != nil {
		spec = "with the spec of database/" + source.Name
	}
	if ref := restored.Spec.PasswordSecretRef.Name; ref != "" {
		password = "its password is in the Secret " + ref
	}
	_, err := fmt.Fprintf(r.Out, `database/%s created, %s
It begins with the dump %s of database/%s; its user is %s, and %s.
To wait for it: kubectl wait --for=condition=Ready database/%s --namespace=%s --timeout=10m
`, restored.Name, spec, restored.Spec.RestoreFrom.Dump, restored.Spec.RestoreFrom.Database, restored.Spec.User,
		password, restored.Name, restored.Namespace)
	return err
}
