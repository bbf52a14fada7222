-- Argo CD's health of an At: Healthy while it waits for its time and once it has succeeded or was cancelled,
-- Progressing while it runs, Degraded where it failed, was missed or requires user action.
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
if is.Reconciling then
  return {status = "Progressing", message = status.message or is.Reconciling.reason}
end
if is.Complete then
  return {status = "Healthy", message = "Succeeded"}
end
if is.Failed then
  return {status = "Healthy", message = is.Failed.reason}
end
if is.Suspended then
  return {status = "Suspended", message = "Does not start while spec.suspend is true"}
end
return {status = "Healthy", message = "Due at " .. (status.scheduledTime or "a time that is not known yet")}
