// What Kubernetes says of policies: the compiler, the validator and the type checker of its ValidatingAdmissionPolicy.
//
// In: on stdin a JSON list of forms: {policy: the spec of a ValidatingAdmissionPolicy, object, params, schema}. Out: for
// each form {version, refused: […], decisions: [{action, evaluation, message}], warnings: […]}.
//
// A form is first compiled as the API server compiles a policy that somebody creates: pkg/apis/admissionregistration of
// k8s.io/kubernetes does so with these compilers. One that compiles is decided as the admission plug-in decides it.
package main

import (
	"context"
	"encoding/json"
	"os"

	v1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/plugin/cel"
	"k8s.io/apiserver/pkg/admission/plugin/policy/validating"
	"k8s.io/apiserver/pkg/admission/plugin/webhook/matchconditions"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Form is what is asked.
type Form struct {
	Policy v1.ValidatingAdmissionPolicySpec `json:"policy"`
	Object json.RawMessage                  `json:"object"`
	Params json.RawMessage                  `json:"params"`
	Schema *spec.Schema                     `json:"schema"`
}

// Decision is what one validation says.
type Decision struct {
	Action     string `json:"action"`
	Evaluation string `json:"evaluation"`
	Message    string `json:"message"`
}

// Said is the answer to a form.
type Said struct {
	Version   string     `json:"version"`
	Refused   []string   `json:"refused"`
	Decisions []Decision `json:"decisions"`
	Warnings  []string   `json:"warnings"`
}

var (
	kind     = schema.GroupVersionKind{Group: "runback.dev", Version: "v1", Kind: "Form"}
	resource = schema.GroupVersionResource{Group: "runback.dev", Version: "v1", Resource: "forms"}
	version  = environment.DefaultCompatibilityVersion()
	base     = environment.MustBaseEnvSet(version)
)

// expressions are those of a policy, compiled for one purpose.
type expressions struct {
	conditions, validations, messages, annotations cel.ConditionEvaluator
	errors                                         []string
}

// compile does what compilePolicy of the admission plug-in does, which is not exported.
func compile(policy *v1.ValidatingAdmissionPolicySpec, mode environment.Type) expressions {
	var found expressions
	compiler, err := cel.NewCompositedCompiler(base)
	if err != nil {
		panic(err)
	}
	params := policy.ParamKind != nil
	all := cel.OptionalVariableDeclarations{HasParams: params, HasAuthorizer: true}
	text := cel.OptionalVariableDeclarations{HasParams: params}
	for _, variable := range policy.Variables {
		named := validating.Variable{Name: variable.Name, Expression: variable.Expression}
		if result := compiler.CompileAndStoreVariable(&named, all, mode); result.Error != nil {
			found.errors = append(found.errors, result.Error.Error())
		}
	}
	var conditions, validations, messages []cel.ExpressionAccessor
	for index := range policy.MatchConditions {
		conditions = append(conditions, (*matchconditions.MatchCondition)(&policy.MatchConditions[index]))
	}
	for _, rule := range policy.Validations {
		validations = append(validations, &validating.ValidationCondition{
			Expression: rule.Expression, Message: rule.Message, Reason: rule.Reason})
		var message cel.ExpressionAccessor
		if rule.MessageExpression != "" {
			message = &validating.MessageExpressionCondition{MessageExpression: rule.MessageExpression}
		}
		messages = append(messages, message)
	}
	found.conditions = compiler.CompileCondition(conditions, all, mode)
	found.validations = compiler.CompileCondition(validations, all, mode)
	found.messages = compiler.CompileCondition(messages, text, mode)
	found.annotations = compiler.CompileCondition(nil, all, mode)
	for _, evaluator := range []cel.ConditionEvaluator{found.validations, found.messages} {
		for _, err := range evaluator.CompilationErrors() {
			found.errors = append(found.errors, err.Error())
		}
	}
	// A policy is created only if its match conditions compile without its variables.
	alone := cel.NewConditionCompiler(base).CompileCondition(conditions, all, mode)
	for _, err := range alone.CompilationErrors() {
		found.errors = append(found.errors, err.Error())
	}
	return found
}

// object is JSON as an object of the cluster.
func object(text json.RawMessage) *unstructured.Unstructured {
	if len(text) == 0 || string(text) == "null" {
		return nil
	}
	fields := map[string]interface{}{}
	if err := utiljson.Unmarshal(text, &fields); err != nil {
		panic(err)
	}
	made := &unstructured.Unstructured{Object: fields}
	made.SetGroupVersionKind(kind)
	made.SetName("form")
	return made
}

// allowed is an authorizer that allows everything.
type allowed struct{}

// Authorize allows it.
func (allowed) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "", nil
}

// decide evaluates a policy as the admission plug-in does when the object is created.
func decide(form *Form) []Decision {
	found := compile(&form.Policy, environment.StoredExpressions)
	var matcher matchconditions.Matcher
	if len(form.Policy.MatchConditions) > 0 {
		matcher = matchconditions.NewMatcher(found.conditions, form.Policy.FailurePolicy, "policy", "validate", "form")
	}
	validator := validating.NewValidator(
		found.validations, matcher, found.annotations, found.messages, form.Policy.FailurePolicy, nil)
	asked := object(form.Object)
	attributes := admission.NewAttributesRecord(asked, nil, kind, "", "form", resource, "", admission.Create,
		&metav1.CreateOptions{}, false, &user.DefaultInfo{Name: "somebody"})
	versioned := &admission.VersionedAttributes{Attributes: attributes, VersionedObject: admission.NewLazyObject(asked), VersionedKind: kind}
	var params runtime.Object
	if known := object(form.Params); known != nil {
		params = known
	}
	result := validator.Validate(
		context.Background(), resource, versioned, params, nil, celconfig.RuntimeCELCostBudget, allowed{})
	decisions := []Decision{}
	for _, decision := range result.Decisions {
		decisions = append(decisions, Decision{
			Action: string(decision.Action), Evaluation: string(decision.Evaluation), Message: decision.Message})
	}
	return decisions
}

// resolver knows the schema of one form.
type resolver struct{ schema *spec.Schema }

// ResolveSchema gives it.
func (r resolver) ResolveSchema(schema.GroupVersionKind) (*spec.Schema, error) { return r.schema, nil }

// warnings are what a cluster writes to status.typeChecking of a policy.
func warnings(form *Form) []string {
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{kind.GroupVersion()})
	mapper.Add(kind, meta.RESTScopeRoot)
	checker := validating.TypeChecker{SchemaResolver: resolver{form.Schema}, RestMapper: mapper}
	policy := &v1.ValidatingAdmissionPolicy{Spec: form.Policy}
	policy.Spec.MatchConstraints = &v1.MatchResources{ResourceRules: []v1.NamedRuleWithOperations{{
		RuleWithOperations: v1.RuleWithOperations{Rule: v1.Rule{
			APIGroups: []string{kind.Group}, APIVersions: []string{kind.Version}, Resources: []string{"forms"}}}}}}
	said := []string{}
	for _, warning := range checker.Check(policy) {
		said = append(said, warning.Warning)
	}
	return said
}

func main() {
	var forms []Form
	if err := json.NewDecoder(os.Stdin).Decode(&forms); err != nil {
		panic(err)
	}
	all := []Said{}
	for index := range forms {
		form := &forms[index]
		said := Said{Version: version.String(), Refused: []string{}, Decisions: []Decision{}, Warnings: []string{}}
		if found := compile(&form.Policy, environment.NewExpressions); len(found.errors) > 0 {
			said.Refused = found.errors
		} else {
			said.Decisions = decide(form)
		}
		if form.Schema != nil {
			said.Warnings = warnings(form)
		}
		all = append(all, said)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		panic(err)
	}
}
