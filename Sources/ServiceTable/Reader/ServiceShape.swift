// What `services` and `defaults` look like: the keys of a service, and what must hold between them in one place.
extension ServiceDraft {
    static let servicesShape = Shape.names(pattern: "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", .mapping(serviceShape))

    static let defaultsShape: Shape = {
        let fields = section.shape.fields.filter { !ownKeys.contains($0.name) }
        return .mapping(MappingShape("defaults", fields, documentedUnder: [section.name]))
    }()

    /// Rules are of keys that stand in the service itself: what else it has of the defaults is not seen from here.
    private static let serviceShape: MappingShape = {
        var shape = section.shape
        for index in shape.fields.indices {
            let name = shape.fields[index].name
            shape.fields[index].isChangeable = section[name]?.isList == true && !ownKeys.contains(name)
        }
        shape.rules = [
            .atLeastOne(of: dispatchKeys),
            .excludes("internal", ["exec", "handoff", "redirect", "route"]),
            .excludes("redirect", ["exec", "handoff", "route"]),
            .excludes("route", ["exec", "handoff"]),
            .requires("send_proxy", "redirect"),
            .requires("connections", "handoff"),
            .trueRequires("wait", "listen"),
            .trueExcludes("wait", ["handoff", "internal", "redirect", "route", "banner"]),
        ]
        return shape
    }()
}
