-- A man page follows no links: only their words stay.
function Link(link) return link.content end
