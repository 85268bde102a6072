//go:build pam && cgo

// The program as one process that stays, with one task, and one more for each login. It
// runs before Go's runtime begins, which takes five tasks and cannot fork. Records go
// both ways: a byte that says what it is, the length of its text in four bytes,
// big-endian, and the text. resident.go of access/auth/pam is the other side:
//
//	r             to it      this program is ready
//	l             to here    a login: the service, the user or nothing, the client's address, each with a NUL;
//	                         the service is one that this program was started for
//	q or h        to it      a module's question, h if the answer is hidden
//	a or x        to here    what answers it, or nothing does
//	c             to here    nobody waits for the login any more: it is to end
//	y or n        to it      PAM's word, with why
//	d             to it      the login is over: how its process ended, in four bytes

#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	ANSWERS = 3,
	QUESTIONS = 4,
	MOST = 65536, // bytes of a text
	LIMIT = 180,  // seconds for one login
	// Ways to end besides an exit status, and 256 with a signal's number.
	NOT_BEGUN = 512,
	TOO_LONG = 513,
	GIVEN_UP = 514,
};

struct record {
	unsigned char kind;
	uint32_t n;
	char text[MOST + 1]; // with a NUL behind it
};

static int take_all(int fd, void *to, size_t n) {
	for (unsigned char *b = to; n > 0;) {
		ssize_t got = read(fd, b, n);
		if (got <= 0) return -1;
		b += got, n -= got;
	}
	return 0;
}

static int give_all(int fd, const void *from, size_t n) {
	for (const unsigned char *b = from; n > 0;) {
		ssize_t put = write(fd, b, n);
		if (put <= 0) return -1;
		b += put, n -= put;
	}
	return 0;
}

static int take(int fd, struct record *r) {
	unsigned char head[5];
	if (take_all(fd, head, sizeof head)) return -1;
	r->kind = head[0];
	r->n = (uint32_t)head[1] << 24 | head[2] << 16 | head[3] << 8 | head[4];
	if (r->n > MOST || take_all(fd, r->text, r->n)) return -1;
	r->text[r->n] = 0;
	return 0;
}

static int give(int fd, unsigned char kind, const void *text, size_t n) {
	if (n > MOST) n = MOST;
	unsigned char head[5] = {kind, n >> 24, n >> 16, n >> 8, n};
	return give_all(fd, head, sizeof head) || give_all(fd, text, n) ? -1 : 0;
}

static struct record work; // of the process that stays, and the login that it begins with

// The one process that asks PAM about one login.

static int its_questions, its_answers;

// respond answers the questions of a module by the other side's words.
static int respond(int n, const struct pam_message **all, struct pam_response **out, void *data) {
	static struct record answer;
	(void)data;
	if (n <= 0 || n > PAM_MAX_NUM_MSG) return PAM_CONV_ERR;
	struct pam_response *r = calloc(n, sizeof *r);
	if (!r) return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		int style = all[i]->msg_style;
		const char *text = all[i]->msg ? all[i]->msg : "";
		if (style == PAM_ERROR_MSG || style == PAM_TEXT_INFO) continue;
		if ((style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) &&
			!give(its_answers, style == PAM_PROMPT_ECHO_OFF ? 'h' : 'q', text, strlen(text)) &&
			!take(its_questions, &answer) && answer.kind == 'a')
			r[i].resp = strdup(answer.text);
		explicit_bzero(&answer, sizeof answer);
		if (r[i].resp) continue;
		for (int k = 0; k < i; k++)
			if (r[k].resp) explicit_bzero(r[k].resp, strlen(r[k].resp)), free(r[k].resp);
		free(r);
		return PAM_CONV_ERR;
	}
	*out = r;
	return PAM_SUCCESS;
}

// next is the next of the strings of a login; "" where there are no more.
static const char *next(size_t *at) {
	const char *s = *at < work.n ? work.text + *at : "";
	*at += strlen(s) + 1;
	return s;
}

static char **services; // that may be asked, from its command line; who asks has fewer rights

static int may_ask(const char *service) {
	for (char **s = services; *s; s++)
		if (!strcmp(*s, service)) return 1;
	return 0;
}

static void ask(void) {
	size_t at = 0;
	const char *service = next(&at), *user = next(&at), *remote = next(&at);
	if (!may_ask(service)) _exit(1);
	struct pam_conv conversation = {respond, 0};
	pam_handle_t *h = 0;
	int e = pam_start(service, *user ? user : 0, &conversation, &h);
	if (e == PAM_SUCCESS && *remote) e = pam_set_item(h, PAM_RHOST, remote);
	if (e == PAM_SUCCESS) e = pam_authenticate(h, 0);
	if (e == PAM_SUCCESS) e = pam_acct_mgmt(h, 0);
	const char *why = pam_strerror(h, e);
	if (!why) why = "";
	if (h) pam_end(h, e);
	if (give(its_answers, e == PAM_SUCCESS ? 'y' : 'n', why, strlen(why))) _exit(1);
}

// The process that stays.

// nothing is what signals do that mean who asks. They are not ignored, which programs
// that modules run would inherit.
static void nothing(int sig) { (void)sig; }

static void handle(void (*handler)(int)) {
	static const int quiet[] = {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE};
	struct sigaction a = {.sa_handler = handler, .sa_flags = SA_RESTART};
	sigemptyset(&a.sa_mask);
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++) sigaction(quiet[i], &a, 0);
}

static void say(unsigned char kind, const void *text, size_t n) {
	if (give(ANSWERS, kind, text, n)) _exit(0); // there is nobody to say it to
}

static int64_t now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

// leave ends a login's process and this one, since who asks is gone.
static void leave(pid_t pid) { kill(-pid, SIGKILL), kill(pid, SIGKILL), _exit(0); }

// relay passes on what the two sides say, until PAM's word, the end of the process, the
// time limit, or until nobody waits any more, and returns how the process ended.
static uint32_t relay(pid_t pid, int to, int from) {
	int64_t limit = now() + LIMIT * 1000;
	uint32_t end = 0;
	int status = 0, said = 0, more = 1;
	while (more && !said) {
		struct pollfd of[] = {{.fd = from, .events = POLLIN}, {.fd = QUESTIONS, .events = POLLIN}};
		int64_t left = limit - now();
		int n = left > 0 ? poll(of, 2, left) : 0;
		if (n < 0) continue; // a signal
		if (n > 0 && of[1].revents) {
			if (take(QUESTIONS, &work) || work.kind != 'c') leave(pid);
			end = GIVEN_UP;
			break;
		}
		if (n == 0) {
			end = TOO_LONG;
			break;
		}
		if ((more = !take(from, &work))) {
			say(work.kind, work.text, work.n);
			said = work.kind == 'y' || work.kind == 'n';
			if (said) break;
			if (take(QUESTIONS, &work)) leave(pid);
			if (work.kind == 'c') {
				end = GIVEN_UP;
				break;
			}
			more = !give(to, work.kind, work.text, work.n);
			explicit_bzero(work.text, work.n);
		}
	}
	if (end) kill(-pid, SIGKILL);
	if (end || said) kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0) ;
	if (end || said) return end;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
}

// one has a process ask PAM about a login.
static uint32_t one(void) {
	int in[2], out[2];
	if (pipe2(in, O_CLOEXEC)) return NOT_BEGUN;
	if (pipe2(out, O_CLOEXEC)) return close(in[0]), close(in[1]), NOT_BEGUN;
	pid_t pid = fork();
	if (pid == 0) {
		setpgid(0, 0);
		close(in[1]), close(out[0]), close(QUESTIONS), close(ANSWERS);
		its_questions = in[0], its_answers = out[1];
		handle(SIG_DFL);
		ask();
		_exit(0);
	}
	close(in[0]), close(out[1]);
	if (pid > 0) setpgid(pid, pid);
	uint32_t end = pid > 0 ? relay(pid, in[1], out[0]) : NOT_BEGUN;
	close(in[1]), close(out[0]);
	return end;
}

__attribute__((constructor)) static void stay(int argc, char **argv) {
	const char *mode = getenv("CULVERT_AUTH_PAM");
	if (!mode || strcmp(mode, "stay")) return;
	unsetenv("CULVERT_AUTH_PAM");
	if (argc < 1) _exit(1);
	services = argv + 1;
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}), prctl(PR_SET_DUMPABLE, 0); // a core would hold passwords
	fcntl(QUESTIONS, F_SETFL, 0), fcntl(ANSWERS, F_SETFL, 0);
	handle(nothing);
	for (say('r', "", 0); !take(QUESTIONS, &work);) {
		int late = work.kind == 'a' || work.kind == 'x' || work.kind == 'c'; // about a login that is over
		if (late) explicit_bzero(work.text, work.n);
		if (late) continue;
		if (work.kind != 'l') break;
		uint32_t end = one();
		unsigned char text[4] = {end >> 24, end >> 16, end >> 8, end};
		say('d', text, sizeof text);
	}
	_exit(0);
}
