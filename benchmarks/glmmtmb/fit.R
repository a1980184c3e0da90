# The reference fit: Rscript fit.R TABLE FORMULA FAMILY OUT PACKAGE
# TABLE.json names the columns and levels of TABLE, which holds them one after the other as doubles. PACKAGE is glmmTMB or lme4.
asked <- commandArgs(trailingOnly = TRUE)
suppressMessages({library(jsonlite); library(asked[5], character.only = TRUE)})
header <- fromJSON(paste0(asked[1], ".json"), simplifyVector = TRUE)
file <- file(asked[1], "rb")
table <- list()
for (name in header$columns) {
  values <- readBin(file, "double", header$n)
  levels <- header$levels[[name]]
  table[[name]] <- if (is.null(levels)) values else factor(levels[values + 1], levels = levels)
}
close(file)
table <- as.data.frame(table)
rm(values); invisible(gc())
before <- as.numeric(strsplit(readLines("/proc/self/statm"), " ")[[1]][2]) * 4096 / 2^20  # resident MB

if (asked[5] == "lme4") {
  taken <- system.time(fit <- glmer(as.formula(asked[2]), data = table, family = poisson(), nAGQ = 1))
  coefficients <- summary(fit)$coefficients
  variances <- VarCorr(fit)
  effects <- as.data.frame(ranef(fit, condVar = TRUE))
  shape <- NULL
  converged <- length(fit@optinfo$conv$lme4) == 0
} else {
  families <- list(poisson = poisson(), negative_binomial = nbinom2(), tweedie = tweedie(), gamma = Gamma(link = "log"))
  taken <- system.time(fit <- glmmTMB(as.formula(asked[2]), data = table, family = families[[asked[3]]]))
  coefficients <- summary(fit)$coefficients$cond
  variances <- VarCorr(fit)$cond
  effects <- as.data.frame(ranef(fit, condVar = FALSE))
  shape <- switch(asked[3], negative_binomial = list(phi = sigma(fit)), gamma = list(phi = sigma(fit)^2),
                  tweedie = list(phi = sigma(fit), power = unname(family_params(fit))))
  converged <- isTRUE(fit$fit$convergence == 0) && isTRUE(fit$sdr$pdHess)
}
write_json(list(
  package = asked[5], version = as.character(packageVersion(asked[5])), r = R.version.string,
  seconds = unname(taken["elapsed"]), cpu_seconds = unname(taken["user.self"] + taken["sys.self"]), before_mb = before,
  converged = converged,
  log_likelihood = as.numeric(logLik(fit)), n_parameters = attr(logLik(fit), "df"), aic = AIC(fit),
  names = rownames(coefficients), estimate = unname(coefficients[, 1]), se = unname(coefficients[, 2]), shape = shape,
  random = lapply(variances, function(one) list(sd = unname(attr(one, "stddev")), correlation = unname(attr(one, "correlation")))),
  effects = lapply(split(effects, effects$grpvar), function(one) list(
    effect = as.character(one$term), group = as.character(one$grp), mode = one$condval, sd = one$condsd))
), asked[4], digits = NA, auto_unbox = TRUE, null = "null")
