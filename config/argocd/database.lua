-- Argo CD's health of a Database: Healthy while its server takes logins and is as the spec says, Progressing until then,
-- Degraded where something requires user action, also beside a server that goes on.
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
  return {status = "Progressing", message = is.Reconciling.message or is.Reconciling.reason}
end
if is.Ready then
  return {status = "Healthy", message = is.Ready.message or is.Ready.reason}
end
return waits
