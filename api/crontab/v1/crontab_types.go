package v1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	runv1 "example.com/cnat-operator/api/run/v1"
)

// AnnotationRunRequest on a CronTab asks for one run now: the operator starts one for each new value, whatever it is.
// The usual value is the time. status.lastRequest is the one that was taken up last. Such a run does not count as
// scheduled. Unless concurrencyPolicy is Allow, it waits for runs that are active.
const AnnotationRunRequest = "stable.example.com/run-requested-at"

// ConcurrencyPolicy says what happens to a run that is due while another one is active.
//
// +kubebuilder:validation:Enum=Allow;Forbid;Replace;Queue
type ConcurrencyPolicy string

const (
	// AllowConcurrent starts it beside the other.
	AllowConcurrent ConcurrencyPolicy = "Allow"
	// ForbidConcurrent skips it.
	ForbidConcurrent ConcurrencyPolicy = "Forbid"
	// ReplaceConcurrent cancels the other, and starts it then.
	ReplaceConcurrent ConcurrencyPolicy = "Replace"
	// QueueConcurrent starts it when the other has ended. One run waits at most.
	QueueConcurrent ConcurrencyPolicy = "Queue"
)

// CatchUpPolicy says which runs are made up for that could not be started in time, as while the operator was down.
//
// +kubebuilder:validation:Enum=None;Latest;All
type CatchUpPolicy string

const (
	// CatchUpNone starts no run that is late by more than a minute.
	CatchUpNone CatchUpPolicy = "None"
	// CatchUpLatest starts the last one of them.
	CatchUpLatest CatchUpPolicy = "Latest"
	// CatchUpAll starts all of them in order, at most the last 100.
	CatchUpAll CatchUpPolicy = "All"
)

// CronTabSpec says what to run, and when.
//
// +kubebuilder:validation:XValidation:rule="[has(self.image), has(self.containers), has(self.command), has(self.template)].exists_one(set, set)",message="exactly one of image, containers, command and template must be set: say what to run in one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.notBefore) || !has(self.notAfter) || timestamp(self.notBefore) <= timestamp(self.notAfter)",message="notAfter must not be before notBefore: no run would be between them"
type CronTabSpec struct {
	// cronSpec is when to run: a cron expression of five fields (minute, hour, day of month, month, day of week), or one
	// of @hourly, @daily, @weekly, @monthly and @yearly. A field is *, a value, a range, a step, or a list of these;
	// months and days of the week have names; Sunday is 0 or 7. Where neither day is *, one that is either is a day to
	// run. /n is read as */n. When clocks change, cron(8)'s rule holds: a fixed time that does not exist runs right
	// after the gap, and one that occurs twice runs once.
	// +required
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[[:space:]]*@') || self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$')",message="cronSpec must have five fields, minute, hour, day of month, month and day of week, for example 0 2 * * * for 02:00 each day: there are none for seconds and years, and a time zone goes into timeZone"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*@') || self.matches('^[[:space:]]*@(hourly|daily|midnight|weekly|monthly|yearly|annually)[[:space:]]*$')",message="cronSpec must be one of @hourly, @daily, @weekly, @monthly and @yearly if it begins with @, or have five fields: for example */5 * * * * for every five minutes"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$') || self.matches('^[[:space:]]*(([*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?)?/0*([1-9]|[1-5][0-9])|[*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?)(,(([*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?)?/0*([1-9]|[1-5][0-9])|[*?]|0*[1-5]?[0-9](-0*[1-5]?[0-9])?))*[[:blank:]]')",message="cronSpec's minute, its first field, must be *, 0 to 59, a range, a step, or a list of these: for example */15 * * * *"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$') || self.matches('^[[:space:]]*[^[:space:]]+[[:blank:]]+(([*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?)?/0*([1-9]|1[0-9]|2[0-3])|[*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?)(,(([*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?)?/0*([1-9]|1[0-9]|2[0-3])|[*?]|0*(1?[0-9]|2[0-3])(-0*(1?[0-9]|2[0-3]))?))*[[:blank:]]')",message="cronSpec's hour, its second field, must be *, 0 to 23, a range, a step, or a list of these: for example 0 9-17 * * *"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$') || self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){2}(([*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?)?/0*([1-9]|[12][0-9]|3[01])|[*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?)(,(([*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?)?/0*([1-9]|[12][0-9]|3[01])|[*?]|0*([1-9]|[12][0-9]|3[01])(-0*([1-9]|[12][0-9]|3[01]))?))*[[:blank:]]')",message="cronSpec's day of month, its third field, must be *, 1 to 31, a range, a step, or a list of these (L, W and # are not supported): for example 0 0 1,15 * *"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$') || self.lowerAscii().matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){3}(([*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)?/0*([1-9]|1[0-2])|[*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)(,(([*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?)?/0*([1-9]|1[0-2])|[*?]|(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(-(0*([1-9]|1[0-2])|jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec))?))*[[:blank:]]')",message="cronSpec's month, its fourth field, must be *, 1 to 12, jan to dec, a range, a step, or a list of these: for example 0 0 1 jan-mar *"
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}[^[:space:]]+[[:space:]]*$') || self.lowerAscii().matches('^[[:space:]]*([^[:space:]]+[[:blank:]]+){4}(([*?]|(0*[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-7]|sun|mon|tue|wed|thu|fri|sat))?)?/0*[1-7]|[*?]|(0*[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-7]|sun|mon|tue|wed|thu|fri|sat))?)(,(([*?]|(0*[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-7]|sun|mon|tue|wed|thu|fri|sat))?)?/0*[1-7]|[*?]|(0*[0-7]|sun|mon|tue|wed|thu|fri|sat)(-(0*[0-7]|sun|mon|tue|wed|thu|fri|sat))?))*[[:space:]]*$')",message="cronSpec's day of week, its fifth field, must be *, 0 to 7, sun to sat, a range, a step, or a list of these (L and # are not supported): for example 0 0 * * mon-fri"
	// +kubebuilder:validation:XValidation:rule="self.lowerAscii().replace('-sun', '-7').replace('jan', '1').replace('feb', '2').replace('mar', '3').replace('apr', '4').replace('may', '5').replace('jun', '6').replace('jul', '7').replace('aug', '8').replace('sep', '9').replace('oct', '10').replace('nov', '11').replace('dec', '12').replace('sun', '0').replace('mon', '1').replace('tue', '2').replace('wed', '3').replace('thu', '4').replace('fri', '5').replace('sat', '6').findAll('[0-9]{1,9}-0*[0-9]{1,9}').all(r, int(r.split('-')[0]) <= int(r.split('-')[1]))",message="cronSpec has a range that ends before it begins: write two, for example 0 22-23,0-5 * * * instead of 0 22-5 * * *"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Schedule",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	CronSpec string `json:"cronSpec,omitempty"`

	// timeZone is the IANA name of the zone that cronSpec and excludeDates are in, like Europe/Berlin. Default: UTC.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z][A-Za-z0-9+_-]*(/[A-Za-z0-9+_-]+)*$') && !self.lowerAscii().matches('^(local|localtime|posix|posixrules|right|factory)(/|$)')",message="timeZone must be an IANA name, for example Europe/Berlin or UTC"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Time Zone",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	TimeZone string `json:"timeZone,omitempty"`

	// suspend keeps further runs from starting while it is true. What is due meanwhile does not run later, and what was
	// due before and had not started is missed. It has no effect on a run that has started. Default: false.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Suspend",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:booleanSwitch"}
	Suspend *bool `json:"suspend,omitempty"`

	// notBefore is the first time at which a run may be scheduled. Default: no limit.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=""
	// +kubebuilder:validation:XValidation:rule="timestamp(self) > timestamp('0001-01-01T00:00:00Z')",message="notBefore must be an RFC 3339 date-time with a zone, like 2027-07-03T02:00:00Z"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Not Before",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	NotBefore *metav1.Time `json:"notBefore,omitempty"`

	// notAfter is the last time at which a run may be scheduled. Default: no limit.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:Format=""
	// +kubebuilder:validation:XValidation:rule="timestamp(self) > timestamp('0001-01-01T00:00:00Z')",message="notAfter must be an RFC 3339 date-time with a zone, like 2027-07-03T02:00:00Z"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Not After",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	NotAfter *metav1.Time `json:"notAfter,omitempty"`

	// excludeDates are dates in the time zone on which nothing runs: YYYY-MM-DD, or MM-DD for each year.
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=366
	// +kubebuilder:validation:items:MaxLength=10
	// +kubebuilder:validation:XValidation:rule="self.all(d, d.matches('^([0-9]{4}-)?((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))$') && !d.startsWith('0000'))",message="excludeDates must be dates of the calendar, YYYY-MM-DD or MM-DD for each year: for example 2027-12-24 or 12-25"
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Exclude Dates",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text","urn:alm:descriptor:com.tectonic.ui:advanced"}
	ExcludeDates []string `json:"excludeDates,omitempty"`

	// spreadSeconds spreads the runs of many CronTabs that are due at one time: each is later by its own number of
	// seconds, less than this, which is always the same for a CronTab. Default: 0.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=86400
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Spread Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	SpreadSeconds *int32 `json:"spreadSeconds,omitempty"`

	// concurrencyPolicy says what happens to a run that is due while another one is active: Allow starts it, too, Forbid
	// skips it, Replace cancels the other, and Queue starts it once the other has ended. Default: Allow.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Concurrency Policy",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:Allow","urn:alm:descriptor:com.tectonic.ui:select:Forbid","urn:alm:descriptor:com.tectonic.ui:select:Replace","urn:alm:descriptor:com.tectonic.ui:select:Queue"}
	ConcurrencyPolicy ConcurrencyPolicy `json:"concurrencyPolicy,omitempty"`

	// startingDeadlineSeconds is how late a run may start, in seconds. One that could not be started by then is missed.
	// Default: as catchUp has it.
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=3153600000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Starting Deadline Seconds",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	StartingDeadlineSeconds int64 `json:"startingDeadlineSeconds,omitempty"`

	// catchUp says which runs are started late that could not be started in time, as while the operator was down: None
	// (none that is late by more than a minute), Latest (the last one, as long as no later one is due), or All (each, in
	// order; at most the last 100). startingDeadlineSeconds bounds them all. Default: Latest where
	// startingDeadlineSeconds is set, else None.
	// +optional
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Catch Up",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:select:None","urn:alm:descriptor:com.tectonic.ui:select:Latest","urn:alm:descriptor:com.tectonic.ui:select:All","urn:alm:descriptor:com.tectonic.ui:advanced"}
	CatchUp CatchUpPolicy `json:"catchUp,omitempty"`

	// successfulRunsHistoryLimit is how many runs that succeeded are kept. Default: 3.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Successful Runs History Limit",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	SuccessfulRunsHistoryLimit *int32 `json:"successfulRunsHistoryLimit,omitempty"`

	// failedRunsHistoryLimit is how many runs are kept that failed, were missed or cancelled. Default: 1.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Failed Runs History Limit",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	FailedRunsHistoryLimit *int32 `json:"failedRunsHistoryLimit,omitempty"`

	RunSpec `json:",inline"`
}

// RunSpec is what a run is: it is handed on to the run's At.
type RunSpec struct {
	// replicas is how many pods a run has, side by side. Each knows its number by the environment variable
	// JOB_COMPLETION_INDEX. The next run has as many as are set when it starts. Default: 1.
	// +optional
	// +default=1
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1000
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Replicas",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:podCount"}
	Replicas int32 `json:"replicas,omitempty"`

	// ttlSecondsAfterFinished is how long a run is kept once it is over, in seconds, if the history limits keep it.
	// Default: no limit.
	// +optional
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=2147483647
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="TTL Seconds After Finished",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:number","urn:alm:descriptor:com.tectonic.ui:advanced"}
	TTLSecondsAfterFinished *int32 `json:"ttlSecondsAfterFinished,omitempty"`

	// image is run as it is, in one container, with the image's own entrypoint.
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +operator-sdk:csv:customresourcedefinitions:type=spec,displayName="Image",xDescriptors={"urn:alm:descriptor:com.tectonic.ui:text"}
	Image string `json:"image,omitempty"`

	runv1.Run `json:",inline"`
}

// CronTab runs containers at the times of a cron expression. Each run is an At, created ahead of its time: cancelling
// or deleting that At skips this run. Deleting the CronTab deletes its runs.
//
// +kubebuilder:validation:XValidation:rule="self.metadata.name.size() <= 52",message="metadata.name must be at most 52 characters: the names of its runs are longer by 11"
// +operator-sdk:csv:customresourcedefinitions:displayName="CronTab",resources={{At,v1},{Job,v1},{Pod,v1}}
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:subresource:scale:specpath=.spec.replicas,statuspath=.status.replicas,selectorpath=.status.selector
// +kubebuilder:resource:path=crontabs,scope=Namespaced,shortName=ct,categories=cnat
// +kubebuilder:printcolumn:name="Schedule",type=string,JSONPath=`.spec.cronSpec`
// +kubebuilder:printcolumn:name="Zone",type=string,JSONPath=`.spec.timeZone`
// +kubebuilder:printcolumn:name="Suspend",type=boolean,JSONPath=`.spec.suspend`
// +kubebuilder:printcolumn:name="Next",type=string,JSONPath=`.status.nextScheduleTime`
// +kubebuilder:printcolumn:name="Last",type=date,JSONPath=`.status.lastScheduleTime`
// +kubebuilder:printcolumn:name="Active",type=string,JSONPath=`.status.active`
// +kubebuilder:printcolumn:name="Ready",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type CronTab struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard object's metadata.
	// +optional
	metav1.ObjectMeta `json:"metadata,omitempty,omitzero"`

	// spec says what to run, and when.
	// +required
	Spec CronTabSpec `json:"spec,omitzero"`

	// status is what the operator has seen of the runs.
	// +optional
	// +default={"observedGeneration":-1}
	Status CronTabStatus `json:"status,omitempty,omitzero"`
}

// CronTabList is a list of CronTabs.
//
// +kubebuilder:object:root=true
type CronTabList struct {
	metav1.TypeMeta `json:",inline"`

	// metadata is the standard list's metadata.
	// +optional
	metav1.ListMeta `json:"metadata,omitempty,omitzero"`

	// items are the CronTabs.
	// +required
	Items []CronTab `json:"items"`
}
