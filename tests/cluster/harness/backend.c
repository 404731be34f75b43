// An HTTP backend in a pod: it prints each request as it comes, says 204, and closes.
#define _GNU_SOURCE
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char octets[1 << 20];

static void serve(int connection) {
	size_t read_so_far = 0, whole = 0;
	char *body = NULL;
	do {
		ssize_t more = read(connection, octets + read_so_far, sizeof octets - 1 - read_so_far);
		if (more <= 0)
			return;
		read_so_far += more;
		octets[read_so_far] = 0;
		if (body == NULL && (body = strstr(octets, "\r\n\r\n")) != NULL) {
			char *length = strcasestr(octets, "\r\ncontent-length:");
			body += 4;
			whole = body - octets + (length != NULL && length < body ? atol(length + 17) : 0);
		}
	} while (body == NULL || read_so_far < whole);
	fwrite(octets, 1, whole, stdout);
	fflush(stdout);
	static const char answer[] = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
	if (write(connection, answer, sizeof answer - 1) < 0)
		perror("backend");
}

static void stop(int signal) {
	(void)signal;
	_exit(0);
}

int main(void) {
	signal(SIGTERM, stop);
	int server = socket(AF_INET, SOCK_STREAM, 0);
	struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(8080)};
	if (bind(server, (struct sockaddr *)&any, sizeof any) != 0 || listen(server, 64) != 0) {
		perror("backend");
		return 1;
	}
	for (;;) {
		int connection = accept(server, NULL, NULL);
		serve(connection);
		close(connection);
	}
}
