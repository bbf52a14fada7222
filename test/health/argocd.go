package health

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// argoTimeout is how long Argo CD lets a script run.
const argoTimeout = time.Second

// argoStates are the states that a script may return.
var argoStates = []string{"Healthy", "Progressing", "Degraded", "Suspended"}

// argoHealth is an object's health by Argo CD's rules: what is being deleted is Progressing, and all else is what the
// script of its kind says.
func argoHealth(u *unstructured.Unstructured) (state, message string, err error) {
	if u.GetDeletionTimestamp() != nil {
		return "Progressing", "Pending deletion", nil
	}
	script, err := scriptFor(u.GroupVersionKind().Group, u.GetKind())
	if err != nil {
		return "", "", err
	}
	result, err := runScript(script, u.Object)
	if err != nil {
		return "", "", err
	}
	state, message = lua.LVAsString(result.RawGetString("status")), lua.LVAsString(result.RawGetString("message"))
	if !slices.Contains(argoStates, state) {
		return "", "", fmt.Errorf("the script says %q, which Argo CD does not know", state)
	}
	return state, message, nil
}

// scriptFor is the script that config/argocd gives to Argo CD for a kind.
func scriptFor(group, kind string) (string, error) {
	folder := filepath.Join("..", "..", "config", "argocd") // tests run in their package's folder: controllers/X
	data, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		return "", err
	}
	var kustomization struct {
		ConfigMapGenerator []struct {
			Name  string
			Files []string
		}
	}
	if err := yaml.Unmarshal(data, &kustomization); err != nil {
		return "", fmt.Errorf("config/argocd: %w", err)
	}
	for _, generated := range kustomization.ConfigMapGenerator {
		for _, entry := range generated.Files {
			key, file, _ := strings.Cut(entry, "=")
			if generated.Name == "argocd-cm" && key == "resource.customizations.health."+group+"_"+kind {
				script, err := os.ReadFile(filepath.Join(folder, file))
				return string(script), err
			}
		}
	}
	return "", fmt.Errorf("config/argocd has no health for %s of %s", kind, group)
}

// runScript runs a script with what Argo CD gives to one: the object as obj, and of Lua's libraries the base and tables.
func runScript(script string, object map[string]any) (*lua.LTable, error) {
	ctx, cancel := context.WithTimeout(context.Background(), argoTimeout)
	defer cancel()
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	state.SetContext(ctx)
	for name, open := range map[string]lua.LGFunction{lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable} {
		state.Push(state.NewFunction(open))
		state.Push(lua.LString(name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, fmt.Errorf("running the script: %w", err)
	}
	result, ok := state.Get(-1).(*lua.LTable)
	if !ok {
		return nil, errors.New("the script returns no table")
	}
	return result, nil
}

// toLua is a value of JSON as Lua has it.
func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case string:
		return lua.LString(value)
	case bool:
		return lua.LBool(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		table := state.NewTable()
		for _, item := range value {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
