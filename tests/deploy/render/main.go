// Command render writes what `helm template` would: Helm's template language, which is text/template
// with sprig and a few functions, over one chart without dependencies. Helm itself is in no registry
// that the tests may use.
//
//	render CHART [VALUES.yaml]
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"text/template"

	"github.com/BurntSushi/toml"
	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func main() {
	if err := render(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func render(folder string, more []string) error {
	chart, err := read(filepath.Join(folder, "Chart.yaml"))
	if err != nil {
		return err
	}
	values := map[string]interface{}{}
	for _, path := range append([]string{filepath.Join(folder, "values.yaml")}, more...) {
		given, err := read(path)
		if err != nil {
			return err
		}
		lay(values, given)
	}
	paths, err := filepath.Glob(filepath.Join(folder, "templates", "*"))
	if err != nil {
		return err
	}
	sort.Strings(paths)
	all := template.New("chart").Option("missingkey=zero")
	all.Funcs(functions(all))
	base := chart["name"].(string) + "/templates"
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if _, err := all.New(base + "/" + filepath.Base(path)).Parse(string(text)); err != nil {
			return err
		}
	}
	for _, path := range paths {
		name := base + "/" + filepath.Base(path)
		facts := map[string]interface{}{
			"Values":   values,
			"Chart":    capitalised(chart),
			"Template": map[string]interface{}{"Name": name, "BasePath": base},
			"Release": map[string]interface{}{
				"Name": "cutwire", "Namespace": "images", "Service": "Helm", "Revision": 1,
				"IsInstall": true, "IsUpgrade": false,
			},
		}
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, facts); err != nil {
			return err
		}
		if filepath.Ext(path) == ".yaml" {
			fmt.Printf("---\n# Source: %s\n%s\n", name, strings.ReplaceAll(out.String(), "<no value>", ""))
		}
	}
	return nil
}

// functions are those that Helm adds to sprig's, as far as charts of ours use them.
func functions(all *template.Template) template.FuncMap {
	known := sprig.TxtFuncMap()
	delete(known, "env")
	delete(known, "expandenv")
	known["include"] = func(name string, data interface{}) (string, error) {
		var out strings.Builder
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	known["required"] = func(message string, value interface{}) (interface{}, error) {
		if value == nil || value == "" {
			return value, fmt.Errorf("%s", message)
		}
		return value, nil
	}
	known["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	known["toToml"] = func(value interface{}) (string, error) {
		var out bytes.Buffer
		err := toml.NewEncoder(&out).Encode(value)
		return out.String(), err
	}
	return known
}

// read gives a file as Helm does: by way of JSON, so that every number is a float64.
func read(path string) (map[string]interface{}, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var any map[string]interface{}
	if err := yaml.Unmarshal(text, &any); err != nil {
		return nil, err
	}
	plain, err := json.Marshal(any)
	if err != nil {
		return nil, err
	}
	found := map[string]interface{}{}
	return found, json.Unmarshal(plain, &found)
}

// lay puts values over others, map by map; null takes one away.
func lay(under, over map[string]interface{}) {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		below, wasMap := under[key].(map[string]interface{})
		switch {
		case value == nil:
			delete(under, key)
		case isMap && wasMap:
			lay(below, inner)
		default:
			under[key] = value
		}
	}
}

func capitalised(chart map[string]interface{}) map[string]interface{} {
	out := map[string]interface{}{}
	for key, value := range chart {
		out[strings.ToUpper(key[:1])+key[1:]] = value
	}
	return out
}
