// nulltunnel is the ceiling for a tunnel in user space on this kernel: whole
// super-packets between a TUN device and a UDP socket, one read and one send
// for up to 64 KiB of them, and nothing else. It has no protocol, no cipher, no
// checksum and no copy of its own, and it is no tunnel to use: what one
// datagram's loss does to a super-packet, it does not notice.
//
//	nulltunnel DEVICE PORT PEER PEER-PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/udp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SEGMENT = 1440, LARGEST = 1 << 17, BUFFER = 8 << 20 };

static int device, link_;

static void check(long result, const char *what) {
	if (result < 0) {
		perror(what);
		exit(1);
	}
}

static void open_device(const char *name) {
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR};
	strncpy(request.ifr_name, name, IFNAMSIZ - 1);
	check(device = open("/dev/net/tun", O_RDWR), "/dev/net/tun");
	check(ioctl(device, TUNSETIFF, &request), name);
	check(ioctl(device, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6), "offload");
}

static struct sockaddr_in address(const char *host, const char *port) {
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
	if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
		fprintf(stderr, "%s is no IPv4 address\n", host);
		exit(2);
	}
	return a;
}

static void open_link(struct sockaddr_in local, struct sockaddr_in peer) {
	int on = 1, size = BUFFER;
	check(link_ = socket(AF_INET, SOCK_DGRAM, 0), "socket");
	check(setsockopt(link_, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size), "receive buffer");
	check(setsockopt(link_, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size), "send buffer");
	check(setsockopt(link_, IPPROTO_UDP, UDP_GRO, &on, sizeof on), "UDP_GRO");
	check(bind(link_, (void *)&local, sizeof local), "bind");
	check(connect(link_, (void *)&peer, sizeof peer), "connect");
}

static void *inbound(void *unused) {
	static char packet[LARGEST];
	for (;;) {
		ssize_t n = recv(link_, packet, sizeof packet, 0);
		if (n > 0 && write(device, packet, n) < 0)
			perror("write to the device");
	}
	return unused;
}

static void send_run(char *packet, size_t n) {
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(unsigned short))];
	} control = {.header = {CMSG_LEN(sizeof(unsigned short)), IPPROTO_UDP, UDP_SEGMENT}};
	struct iovec body = {packet, n};
	struct msghdr message = {.msg_iov = &body, .msg_iovlen = 1};
	if (n > SEGMENT) {
		*(unsigned short *)CMSG_DATA(&control.header) = SEGMENT;
		message.msg_control = &control;
		message.msg_controllen = sizeof control.room;
	}
	if (sendmsg(link_, &message, 0) < 0)
		perror("send");
}

int main(int argc, char **argv) {
	static char packet[LARGEST];
	pthread_t thread;
	if (argc != 5) {
		fprintf(stderr, "usage: nulltunnel DEVICE PORT PEER PEER-PORT\n");
		return 2;
	}
	open_link(address("0.0.0.0", argv[2]), address(argv[3], argv[4]));
	open_device(argv[1]);
	if (pthread_create(&thread, NULL, inbound, NULL) != 0)
		return 1;
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = read(device, packet, sizeof packet);
		check(n, "read from the device");
		send_run(packet, n);
	}
}
