package number

import "github.com/nyaruka/phonenumbers"

// Sought is what every way of writing a number ends with: without the country's
// code and what is dialled before it (2079460958 of +44 20 7946 0958 and of
// 020 7946 0958). "" when the text is no whole number in that region.
func Sought(typed, region string) string {
	if !dialable(typed) {
		return ""
	}
	n, err := phonenumbers.Parse(digits(typed), region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return ""
	}
	return phonenumbers.GetNationalSignificantNumber(n)
}
