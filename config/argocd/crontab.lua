-- Argo CD's health of a CronTab: Healthy while its runs start at their times, Suspended while spec.suspend is true,
-- Degraded where something requires user action before a run can start. How a run went is its At's health.
local waits = {status = "Progressing", message = "Waiting for the operator"}
local status = obj.status
if status == nil or status.observedGeneration ~= obj.metadata.generation then
  return waits
end

local is = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" then
    is[condition.type] = condition
  end
end

if is.Stalled then
  return {status = "Degraded", message = is.Stalled.reason .. ": " .. (is.Stalled.message or "")}
end
if not is.Ready then
  return waits
end
if is.Suspended then
  return {status = "Suspended", message = "No run is scheduled while spec.suspend is true"}
end
if status.nextScheduleTime then
  return {status = "Healthy", message = "The next run is due at " .. status.nextScheduleTime}
end
return {status = "Healthy", message = is.Ready.message or is.Ready.reason}
