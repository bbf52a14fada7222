// Command catalog renders opm's semver template to a file-based catalog, as
// `opm alpha render-template` does, but from bundles in folders: opm itself
// takes only images there, and so needs a registry that has them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"regexp"
	"text/template"

	"github.com/sirupsen/logrus"

	"github.com/operator-framework/operator-registry/alpha/action"
	"github.com/operator-framework/operator-registry/alpha/action/migrations"
	"github.com/operator-framework/operator-registry/alpha/declcfg"
	"github.com/operator-framework/operator-registry/alpha/property"
	"github.com/operator-framework/operator-registry/alpha/template/semver"
	"github.com/operator-framework/operator-registry/pkg/image"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: catalog TEMPLATE IMAGE\n\nIMAGE is a bundle's image, as REGISTRY/NAME:v{{.Version}}.")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "catalog:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, templateFile, imageName string) error {
	logrus.SetOutput(io.Discard) // the loading of bundles is chatty
	file, err := os.Open(templateFile)
	if err != nil {
		return err
	}
	defer file.Close()
	render, err := folders(imageName)
	if err != nil {
		return err
	}
	catalog, err := (&semver.Factory{}).CreateTemplate(render).Render(ctx, file)
	if err != nil {
		return fmt.Errorf("rendering %s: %w", templateFile, err)
	}
	if err := nameChannels(catalog); err != nil {
		return err
	}
	if err := skipRanges(catalog); err != nil {
		return err
	}
	return declcfg.WriteYAML(*catalog, os.Stdout)
}

// folders renders a bundle from its folder. Nothing is pulled: a folder that is
// missing is an error, and not the name of an image.
func folders(imageName string) (func(context.Context, string) (*declcfg.DeclarativeConfig, error), error) {
	name, err := template.New("image").Parse(imageName)
	if err != nil {
		return nil, err
	}
	// A catalog has of a CSV only what clients show; the rest is in the bundle's image.
	small, err := migrations.NewMigrations("bundle-object-to-csv-metadata")
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, folder string) (*declcfg.DeclarativeConfig, error) {
		if _, err := os.Stat(folder); err != nil {
			return nil, err
		}
		return action.Render{
			Refs:             []string{folder},
			Registry:         noRegistry{},
			AllowedRefMask:   action.RefBundleDir,
			ImageRefTemplate: name,
			Migrations:       small,
		}.Run(ctx)
	}, nil
}

// noRegistry pulls nothing; a folder needs nothing pulled.
type noRegistry struct{ image.Registry }

var major = regexp.MustCompile(`-v[0-9]+$`)

// nameChannels drops the major version from the channels' names, since there is
// only one: stable-v0 is stable.
func nameChannels(catalog *declcfg.DeclarativeConfig) error {
	seen := map[string]bool{}
	for i := range catalog.Channels {
		channel := &catalog.Channels[i]
		channel.Name = major.ReplaceAllString(channel.Name, "")
		if seen[channel.Name] {
			return fmt.Errorf("the bundles have several major versions, which need channels of their own: keep the template's names")
		}
		seen[channel.Name] = true
	}
	for i := range catalog.Packages {
		catalog.Packages[i].DefaultChannel = major.ReplaceAllString(catalog.Packages[i].DefaultChannel, "")
	}
	return nil
}

// skipRanges gives each entry the versions that its bundle says it can follow
// directly, beside the one that it replaces.
func skipRanges(catalog *declcfg.DeclarativeConfig) error {
	ranges := map[string]string{}
	for _, bundle := range catalog.Bundles {
		for _, p := range bundle.Properties {
			if p.Type != property.TypeCSVMetadata {
				continue
			}
			var csv property.CSVMetadata
			if err := json.Unmarshal(p.Value, &csv); err != nil {
				return fmt.Errorf("the CSV of %s: %w", bundle.Name, err)
			}
			ranges[bundle.Name] = csv.Annotations["olm.skipRange"]
		}
	}
	for _, channel := range catalog.Channels {
		for i := range channel.Entries {
			channel.Entries[i].SkipRange = ranges[channel.Entries[i].Name]
		}
	}
	return nil
}
