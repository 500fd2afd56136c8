-- Man pages have no links: keep the words alone.
function Link(link) return link.content end
