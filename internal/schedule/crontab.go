package schedule

import (
	"fmt"
	"time"

	"k8s.io/utils/ptr"

	v1 "example.com/cnat-operator/api/crontab/v1"
)

// Of reads a CronTab's schedule. The error names the field.
func Of(tab *v1.CronTab) (*Calendar, error) {
	spec := &tab.Spec
	cron, err := Parse(spec.CronSpec)
	if err != nil {
		return nil, fmt.Errorf("spec.cronSpec: %w", err)
	}
	location, err := LoadLocation(spec.TimeZone)
	if err != nil {
		return nil, fmt.Errorf("spec.timeZone: %w", err)
	}
	calendar := &Calendar{Cron: cron, Location: location}
	for _, text := range spec.ExcludeDates {
		date, err := ParseDate(text)
		if err != nil {
			return nil, fmt.Errorf("spec.excludeDates: %w", err)
		}
		calendar.Exclude = append(calendar.Exclude, date)
	}
	if spec.NotBefore != nil {
		calendar.NotBefore = &spec.NotBefore.Time
	}
	if spec.NotAfter != nil {
		calendar.NotAfter = &spec.NotAfter.Time
	}
	calendar.Spread = SpreadOf(string(tab.UID), time.Duration(ptr.Deref(spec.SpreadSeconds, 0))*time.Second)
	return calendar, nil
}
