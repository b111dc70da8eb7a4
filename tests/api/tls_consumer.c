/* A program that uses torc-tls as it is installed. */
#include <stdio.h>

#include <torc.h>
#include <torc/tls.h>

int main(void)
{
    torc_failure *failure = NULL;
    char pin[TORC_TLS_PIN_MAX];
    torc_tls *tls = torc_tls_self_signed("localhost", &failure);

    torc_tls_use();
    if (tls == NULL || !torc_tls_pin(tls, pin)) {
        fprintf(stderr, "%s\n", failure != NULL ? torc_failure_text(failure) : "no pin");
        return 1;
    }
    torc_tls_release(tls);
    return 0;
}
