/// The attributes of an entry, read but not weighed against each other.
struct XinetdSettings {
    var id: String?
    /// In lower case, as all keywords here.
    var types: Set<String> = []
    var flags: Set<String> = []
    var isDisabled = false
    var socketType: String?
    var protocolName: String?
    var waits: Bool?
    var user: String?
    var group: String?
    var hasGroups: Bool?
    var server: String?
    var arguments: [String] = []
    var instances: DraftValue?
    var perSource: DraftValue?
    var rate: DraftValue?
    var maxLoad: String?
    var onlyFrom: [String]?
    var noAccess: [String]?
    var times: [String] = []
    var environment: [DraftPair] = []
    var passEnvironment: [String]?
    var port: UInt16?
    var redirect: (host: String, port: String)?
    var address: String?
    var banner: String?
    var bannerSuccess: String?
    var bannerFail: String?
    var nice: Int?
    var umask: String?
    var limits: [DraftPair] = []
    var onSuccess: Set<String>?
    var onFailure: Set<String>?
    var wrapName: String?
    var isIPv6Only: Bool?
    var enabledIDs: Set<String>?
    var disabledIDs: Set<String> = []

    /// Attributes that the entry itself has given.
    var given: Set<String> = []
    /// Where they stand, `defaults` included.
    var places: [String: SourcePlace] = [:]

    init() {}

    /// What an entry takes from the `defaults` before it; a later `defaults` comes too late for these.
    init(early defaults: XinetdSettings) {
        onlyFrom = defaults.onlyFrom
        noAccess = defaults.noAccess
        times = defaults.times
        passEnvironment = defaults.passEnvironment
        banner = defaults.banner
        bannerSuccess = defaults.bannerSuccess
        bannerFail = defaults.bannerFail
        onSuccess = defaults.onSuccess
        onFailure = defaults.onFailure
        places = defaults.places
    }

    /// What an entry without the attribute takes from `defaults` wherever they stand.
    mutating func inherit(_ defaults: XinetdSettings) {
        instances = instances ?? defaults.instances
        perSource = perSource ?? defaults.perSource
        rate = rate ?? defaults.rate
        maxLoad = maxLoad ?? defaults.maxLoad
        hasGroups = hasGroups ?? defaults.hasGroups
        address = address ?? defaults.address
        umask = umask ?? defaults.umask
        isIPv6Only = isIPv6Only ?? defaults.isIPv6Only
        onSuccess = onSuccess ?? defaults.onSuccess
        onFailure = onFailure ?? defaults.onFailure
        places.merge(defaults.places) { own, _ in own }
    }
}
