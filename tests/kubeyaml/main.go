// Reads YAML documents, each as a JSON text on a line of its own, and says how sigs.k8s.io/yaml reads each:
// its JSON, or null if it is refused, and whether the strict reader refuses it.
package main

import (
	"bufio"
	"encoding/json"
	"os"

	"sigs.k8s.io/yaml"
)

type answer struct {
	JSON    json.RawMessage `json:"json"`
	Refused bool            `json:"refused"`
	Strict  bool            `json:"strict"` // whether the strict reader refuses it
}

func read(document string) (found answer) {
	defer func() {
		if recover() != nil {
			found = answer{Refused: true, Strict: true}
		}
	}()
	made, err := yaml.YAMLToJSON([]byte(document))
	_, strict := yaml.YAMLToJSONStrict([]byte(document))
	if err != nil {
		return answer{Refused: true, Strict: true}
	}
	return answer{JSON: made, Strict: strict != nil}
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 16*1024*1024)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var document string
		if err := json.Unmarshal(lines.Bytes(), &document); err != nil {
			panic(err)
		}
		if err := out.Encode(read(document)); err != nil {
			panic(err)
		}
	}
}
