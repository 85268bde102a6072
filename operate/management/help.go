package management

// helpText is the list of commands: the forms are the protocol's.
var helpText = []string{
	"auth-retry t           : What follows a refused login: none, interact or nointeract.",
	"bytecount n            : Report bytes every n seconds; 0 ends that.",
	"echo [on|off] [N|all]  : Show the echo directives of the configuration and the server.",
	"cr-response response   : Answer the server's challenge, in base64.",
	"exit|quit              : End this session.",
	"forget-passwords       : Forget the passwords that were entered.",
	"help                   : Show this list.",
	"hold [on|off|release]  : Show or set the hold flag, or end a hold and start.",
	"kill cn                : Disconnect the clients of this common name.",
	"kill [proto:]IP:port   : Disconnect the client at this address.",
	"load-stats             : Show how many clients there are, and all bytes.",
	"log [on|off] [N|all]   : Show the log, and as it grows.",
	"mute [n]               : Show or set how many equal messages are logged in a row.",
	"needok type action     : Confirm what NEED-OK asks: action is ok or cancel.",
	"needstr type text      : Give what NEED-STR asks for.",
	"net                    : (Windows only) Show adapters and routes.",
	"password type p        : Give a password that PASSWORD asks for.",
	"remote type [host port] : Answer REMOTE: type is ACCEPT, MOD or SKIP.",
	"remote-entry-count     : Show how many servers the configuration names.",
	"remote-entry-get  i|all [j]: Show the servers i to j-1, or all.",
	"proxy type [host port flags] : Answer PROXY: type is NONE, HTTP or SOCKS.",
	"pid                    : Show the number of this process.",
	"pkcs11-id-count        : Show how many PKCS#11 identities there are.",
	"pkcs11-id-get index    : Show one of them.",
	"client-auth CID KID    : Let a client in, with the directives in the lines up to END.",
	"client-auth-nt CID KID : Let a client in.",
	"client-deny CID KID R [CR] : Refuse a client: R is for the log, CR for the client.",
	"client-pending-auth CID KID MSG timeout : Tell a client what its login needs further.",
	"client-kill CID [M]    : Disconnect a client, with the message M (RESTART).",
	"env-filter [level]     : Set which variables CLIENT:ENV shows.",
	"push-update-broad options : Change what was pushed to all clients.",
	"push-update-cid CID options : Change what was pushed to one client.",
	"rsa-sig                : Answer RSA_SIGN, in base64 lines up to END.",
	"pk-sig                 : Answer PK_SIGN, in base64 lines up to END.",
	"certificate            : Answer NEED-CERTIFICATE, in base64 lines up to END.",
	"signal s               : Do what SIGHUP, SIGTERM, SIGUSR1 or SIGUSR2 asks for.",
	"state [on|off] [N|all] : Show the state, earlier ones, and as they change.",
	"status [n]             : Show the connections, in format n.",
	"test n                 : Write n lines.",
	"username type u        : Give a user name that PASSWORD asks for.",
	"verb [n]               : Show or set how much is logged.",
	"version [n]            : Show the version, or tell the one you know.",
}

func doHelp(r *reader, _ []string) {
	lines := append([]string{"Management Interface for " + r.i.process.Title, "Commands:"}, helpText...)
	r.say(append(lines, "END")...)
}
