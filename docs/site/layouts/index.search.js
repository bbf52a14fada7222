{{- /* The sections of all pages, for search.js. */ -}}
{{- $sections := slice -}}
{{- range slice site.Home | append site.RegularPages -}}
  {{- $title := partial "title" . -}}
  {{- $href := partial "href" . | strings.TrimPrefix "/" -}}
  {{- range after 1 (split (replaceRE `<h[1-6] ` "<h " .Content) "<h ") -}}
    {{- $part := index (findRESubmatch `(?s)^id="([^"]*)">(.*?)</h[1-6]>(.*)` . 1) 0 -}}
    {{- $sections = $sections | append (dict "page" $title "href" (print $href "#" (index $part 1))
      "heading" (index $part 2 | plainify | htmlUnescape) "text" (index $part 3 | plainify | htmlUnescape)) -}}
  {{- end -}}
{{- end -}}
var sections = {{ $sections | jsonify }};
